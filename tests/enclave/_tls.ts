/** A certificate authority and a certificate for 127.0.0.1 under it, made for one test run; one key serves both, because making one is slow. */
// @ts-types="@types/node-forge"
import forge from "node-forge";
import { CERTIFICATE_PEM } from "../function/_keys.ts";

const DAY_MS = 24 * 3600 * 1000;

/** PEM texts. */
export interface TestTls {
  readonly root: string;
  readonly certificate: string;
  readonly key: string;
}

export function makeTls(): TestTls {
  const privateKey = forge.pki.privateKeyFromPem(CERTIFICATE_PEM);
  const publicKey = forge.pki.setRsaPublicKey(privateKey.n, privateKey.e);
  const rootName = [{ name: "commonName", value: "fumata test root" }];
  const make = (serial: string, subject: forge.pki.CertificateField[], extensions: unknown[]) => {
    const certificate = forge.pki.createCertificate();
    certificate.publicKey = publicKey;
    certificate.serialNumber = serial;
    certificate.validity.notBefore = new Date(Date.now() - DAY_MS);
    certificate.validity.notAfter = new Date(Date.now() + DAY_MS);
    certificate.setSubject(subject);
    certificate.setIssuer(rootName);
    certificate.setExtensions(extensions);
    certificate.sign(privateKey, forge.md.sha256.create());
    return forge.pki.certificateToPem(certificate);
  };
  const altNames = [{ type: 7, ip: "127.0.0.1" }, { type: 2, value: "localhost" }];
  return {
    root: make("01", rootName, [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, critical: true },
    ]),
    certificate: make("02", [{ name: "commonName", value: "localhost" }], [
      { name: "subjectAltName", altNames },
      { name: "extKeyUsage", serverAuth: true },
    ]),
    key: CERTIFICATE_PEM,
  };
}

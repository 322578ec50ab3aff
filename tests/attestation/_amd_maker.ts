/** A self-made AMD for tests: it signs whatever SNP report a test wants, so that each check can be broken alone. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { fromHex } from "../../lib/base/bytes.ts";
import {
  apply,
  AUTHORITY,
  certify,
  integer,
  type ListExtensions,
  octets,
  oid,
  pemOf,
  PSS_SHA384,
  type ReportChanges,
  type ReportMaker,
  revocationList,
  sequence,
  signRaw,
} from "./_x509_maker.ts";

/** A self-made AMD. */
export interface MadeAmd {
  readonly rootsPem: string;
  readonly arkPem: string;
  readonly vcek: Uint8Array;
  readonly ask: Uint8Array;
  readonly report: ReportMaker;
  /** A revocation list by the ARK. */
  revocationList(
    serials: readonly number[],
    nextUpdate?: Date,
    extensions?: ListExtensions,
  ): Uint8Array;
  readonly askSerial: number;
}

/** Makes ARK, ASK and a Milan VCEK for chip 01…01 with TCB bootloader 1, tee 2, snp 3, microcode 4. */
export function makeAmd(arkExtensions = AUTHORITY): MadeAmd {
  const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
  const [arkKeys, askKeys] = [rsa(), rsa()];
  const vcekKeys = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const byArk = { issuer: "ARK-Made", issuerKey: arkKeys.privateKey, algorithm: PSS_SHA384 };
  const byAsk = { issuer: "SEV-Made", issuerKey: askKeys.privateKey, algorithm: PSS_SHA384 };
  const ark = certify(
    { ...byArk, subject: "ARK-Made", key: arkKeys.publicKey, serial: 1 },
    arkExtensions,
  );
  const ask = certify(
    { ...byArk, subject: "SEV-Made", key: askKeys.publicKey, serial: 10 },
    AUTHORITY,
  );
  const vcek = certify({ ...byAsk, subject: "SEV-VCEK", key: vcekKeys.publicKey, serial: 11 }, [
    amdExtension([2], fromHex("16084d696c616e2d4230")!),
    amdExtension([3, 1], integer(1)),
    amdExtension([3, 2], integer(2)),
    amdExtension([3, 3], integer(3)),
    amdExtension([3, 8], integer(4)),
    amdExtension([4], new Uint8Array(64).fill(1)),
  ]);
  return {
    rootsPem: pemOf(ask) + pemOf(ark),
    arkPem: pemOf(ark),
    vcek,
    ask,
    askSerial: 10,
    report: (reportData, changes = {}) => snpReport(vcekKeys.privateKey, reportData, changes),
    revocationList: (serials, nextUpdate, extensions) =>
      revocationList(
        { issuer: "ARK-Made", issuerKey: arkKeys.privateKey, algorithm: PSS_SHA384 },
        serials,
        nextUpdate,
        extensions,
      ),
  };
}

function snpReport(key: KeyObject, reportData: Uint8Array, changes: ReportChanges): Uint8Array {
  const report = new Uint8Array(0x4a0);
  report[0] = 3;
  report[0x08 + 2] = 0x03;
  report[0x34] = 1;
  report.set(reportData, 0x50);
  report.fill(0xaa, 0x90, 0xc0);
  report.set([1, 2, 0, 0, 0, 0, 3, 4], 0x180);
  report.set([0x19, 0x01, 0x01], 0x188);
  report.fill(1, 0x1a0, 0x1e0);
  apply(report, changes);
  const signature = signRaw("sha384", key, report.subarray(0, 0x2a0));
  report.set(signature.slice(0, 48).reverse(), 0x2a0);
  report.set(signature.slice(48).reverse(), 0x2e8);
  return report;
}

const AMD_ARC = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01];

function amdExtension(path: number[], value: Uint8Array): Uint8Array {
  return sequence(oid([...AMD_ARC, ...path]), octets(value));
}

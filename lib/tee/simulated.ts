/**
 * The simulated TEE: Nitro-format attestation documents under a root of its own, for development, tests and demonstrations. It protects
 * nothing, and everything it says, says so: module id, certificate names, registers, and the measurements that one pins. Verifiers accept
 * it only when they pin this very root (`insecureSimulatedRoot`).
 *
 * | register | content |
 * |---|---|
 * | PCR0, PCR1, PCR2 | SHA-384 of `fumata simulated <enclave, kernel, application> version <version>: no hardware protection` |
 * | PCR4 | the text `simulated TEE: no hardware protection`, padded with zeros |
 * | the others of 0..15 | zeros |
 *
 * Sealing is AES-256-GCM under a key in the folder; the label and PCR0 are authenticated, so that another version opens nothing.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { encode } from "cborg";
import { encodeCbor } from "../../function/leader-election/cbor.ts";
import type { Evidence } from "../attestation/mod.ts";
import { OPTIONAL_FIELD_BYTES_MAX } from "../attestation/nitro_format.ts";
import { SIMULATED_MODULE_PREFIX } from "../attestation/nitro_policy.ts";
import { concat, fromHex, hex, utf8 } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import { sha256Hex } from "../crypto/digest.ts";
import {
  type Authority,
  certificatePem,
  issueLeaf,
  LEAF_BACKDATE_MS,
  LEAF_LIFETIME_MS,
  signRaw,
} from "./simulated_authority.ts";
import { openIdentity, type SimulatedIdentity } from "./simulated_folder.ts";
import type { EvidenceRequest, TeeDriver } from "./types.ts";

/** A simulated TEE with what a verifier has to pin. */
export interface SimulatedTee extends TeeDriver {
  readonly platform: "simulated";
  /** Root certificate in PEM: a policy's `insecureSimulatedRoot`. */
  readonly rootPem: string;
  /** Measurements by name, hex. */
  readonly measurements: Readonly<Record<string, string>>;
}

/** How long before its end a leaf certificate is replaced, ms: time enough to verify what it signed. */
const RENEW_BEFORE_MS = 30 * 60_000;
const PROTECTED_HEADER_ES384 = fromHex("a1013822")!;
const PCR_BYTES = 48;
const PCR_COUNT = 16;

/** Opens the simulated TEE that lives in a folder, and makes it at the first start. */
export async function openSimulatedTee(options: {
  /** Made when absent; holds one file. */
  readonly folder: string;
  /** Version of the program: it enters the measurements. */
  readonly version: string;
  /** Wall clock, ms since 1970. */
  readonly wallNow?: () => number;
}): Promise<SimulatedTee> {
  const wallNow = options.wallNow ?? Date.now;
  const identity = await openIdentity(options.folder, wallNow());
  const moduleId = SIMULATED_MODULE_PREFIX + sha256Hex(identity.rootDer).slice(0, 17);
  const pcrs = simulatedRegisters(options.version);
  let leaf: { readonly authority: Authority; readonly issuedMs: number } | undefined;
  const currentLeaf = (nowMs: number): Authority => {
    const ageMs = leaf && nowMs - leaf.issuedMs;
    const usableMs = LEAF_LIFETIME_MS - LEAF_BACKDATE_MS - RENEW_BEFORE_MS;
    if (!leaf || ageMs! < 0 || ageMs! > usableMs) {
      leaf = {
        authority: issueLeaf(identity.intermediateKeyPem, `${moduleId}.fumata`, nowMs),
        issuedMs: nowMs,
      };
    }
    return leaf.authority;
  };
  const attestNow = (request: EvidenceRequest): Evidence => {
    const nowMs = wallNow();
    const document = issueDocument({
      request: checked(request),
      moduleId,
      timestampMs: nowMs,
      pcrs,
      leaf: currentLeaf(nowMs),
      identity,
    });
    return { platform: "simulated", document, endorsements: [] };
  };
  return {
    platform: "simulated",
    rootPem: certificatePem(identity.rootDer),
    measurements: simulatedMeasurements(options.version),
    // Through a promise, so that a refusal is a rejection as with every other driver.
    attest: (request) => Promise.resolve(request).then(attestNow),
    sealing: createSealing(identity.sealingKey, pcrs.get(0)!),
  };
}

/** The measurements of simulated enclaves of one version of the program, hex by name: what a policy pins. */
export function simulatedMeasurements(version: string): Record<string, string> {
  const registers = simulatedRegisters(version);
  return Object.fromEntries(
    [0, 1, 2].map((index) => [`pcr${index}`, hex(registers.get(index)!)]),
  );
}

function simulatedRegisters(version: string): Map<number, Uint8Array> {
  const registers = new Map<number, Uint8Array>();
  for (let index = 0; index < PCR_COUNT; index++) registers.set(index, new Uint8Array(PCR_BYTES));
  for (const [index, part] of ["enclave", "kernel", "application"].entries()) {
    const text = `fumata simulated ${part} version ${version}: no hardware protection`;
    registers.set(index, new Uint8Array(createHash("sha384").update(text).digest()));
  }
  registers.get(4)!.set(utf8("simulated TEE: no hardware protection"));
  return registers;
}

function checked(request: EvidenceRequest): EvidenceRequest {
  for (const [field, bytes] of Object.entries(request)) {
    if (bytes.length <= OPTIONAL_FIELD_BYTES_MAX) continue;
    throw new FumataError(
      "failure",
      `Cannot attest: ${field} has ${bytes.length} bytes, at most ${OPTIONAL_FIELD_BYTES_MAX} fit`,
    );
  }
  return request;
}

function issueDocument(content: {
  readonly request: EvidenceRequest;
  readonly moduleId: string;
  readonly timestampMs: number;
  readonly pcrs: ReadonlyMap<number, Uint8Array>;
  readonly leaf: Authority;
  readonly identity: SimulatedIdentity;
}): Evidence["document"] {
  const { request, leaf, identity } = content;
  const payload = encode({
    module_id: content.moduleId,
    digest: "SHA384",
    timestamp: content.timestampMs,
    pcrs: content.pcrs,
    certificate: leaf.der,
    cabundle: [identity.rootDer, identity.intermediateDer],
    public_key: request.sessionKey,
    user_data: request.userData,
    nonce: request.nonce,
  });
  const header = PROTECTED_HEADER_ES384;
  const signed = encodeCbor(["Signature1", header, new Uint8Array(0), payload]);
  return encode([header, new Map(), payload, signRaw(leaf.privateKey, signed)]);
}

const SEALED_VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Sealed: version byte, nonce, tag, ciphertext. */
function createSealing(key: Uint8Array, measurement: Uint8Array): TeeDriver["sealing"] {
  const authenticated = (label: string) => encodeCbor(["fumata-sealed-v1", measurement, label]);
  return {
    seal(plain, label) {
      const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      cipher.setAAD(authenticated(label));
      const body = concat(cipher.update(plain), cipher.final());
      const version = Uint8Array.of(SEALED_VERSION);
      return Promise.resolve(concat(version, nonce, cipher.getAuthTag(), body));
    },
    unseal(sealed, label) {
      return Promise.resolve(unsealOrNothing(key, sealed, authenticated(label)));
    },
  };
}

function unsealOrNothing(
  key: Uint8Array,
  sealed: Uint8Array,
  authenticated: Uint8Array,
): Uint8Array | undefined {
  const bodyStart = 1 + NONCE_BYTES + TAG_BYTES;
  if (sealed.length < bodyStart || sealed[0] !== SEALED_VERSION) return undefined;
  try {
    const cipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(1, 1 + NONCE_BYTES));
    cipher.setAAD(authenticated);
    cipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, bodyStart));
    return concat(cipher.update(sealed.subarray(bodyStart)), cipher.final());
  } catch {
    return undefined;
  }
}

/**
 * The words of attestation, the same for every TEE: the evidence that a host gives, the policy that a verifier demands, the verdict.
 *
 * Verification has three layers that never mix: structure (bytes to fields), signature and chain (is it what the maker of the TEE
 * signed), policy (is it what this verifier wants). `genuine` speaks of the first two, `accepted` of all three.
 */
import type { Check } from "./checks.ts";

/** Platforms. `simulated` issues Nitro-format documents under a root of its own and is never accepted by default. */
export type Platform = "simulated" | "nitro" | "snp" | "tdx" | "sgx";

/** All platforms. */
export const PLATFORMS: readonly Platform[] = ["simulated", "nitro", "snp", "tdx", "sgx"];

/** Evidence as it travels and as files hold it: one envelope for all TEEs. */
export interface Evidence {
  readonly platform: Platform;
  /** The attestation document, report or quote as the platform made it. */
  readonly document: Uint8Array;
  /** Further DER certificates that it needs and does not carry (SNP: VCEK, ASK). */
  readonly endorsements: readonly Uint8Array[];
  /**
   * The structure whose SHA-512 is the `REPORT_DATA` of an SNP report or TDX/SGX quote (see `report_data.ts`); documents in
   * Nitro's format carry the same facts in fields of their own and have none.
   */
  readonly bound?: Uint8Array;
}

/** What the evidence binds: the keys and the function, as the enclave wrote them into the same document. */
export interface Binding {
  /** The client's fresh bytes. */
  readonly nonce?: Uint8Array;
  /** Raw X25519 public key of this session, 32 bytes. */
  readonly sessionKey?: Uint8Array;
  /** SHA-256 of the function package, 32 bytes. */
  readonly functionChecksum?: Uint8Array;
  /** Thumbprint of the certificate key, base64url. */
  readonly certificateKid?: string;
  /** The account's RSA encryption key, DER SPKI. */
  readonly encryptionKey?: Uint8Array;
  /** SHA-256 that the wire protocol carries beside the encryption key (`key_checksum`). */
  readonly encryptionKeyChecksum?: Uint8Array;
  /** The key that signs checksums of results, DER PKCS#1. */
  readonly resultKey?: Uint8Array;
  /** What keeps the function from the rest of the enclave. */
  readonly isolation?: Isolation;
}

/**
 * Ways to keep a function from the rest of the enclave, strongest first: an interpreter in WebAssembly; a process behind namespaces, made
 * by bubblewrap or by `unshare`, with a filter of system calls and without; a process with resource limits only, which reads what the
 * host can read.
 */
export const ISOLATIONS = [
  "quickjs",
  "bwrap",
  "unshare",
  "bwrap-unfiltered",
  "unshare-unfiltered",
  "limits",
] as const;

/** One of {@linkcode ISOLATIONS}. */
export type Isolation = typeof ISOLATIONS[number];

/** One thing that is wrong with evidence. */
export interface Failure {
  readonly layer: "structure" | "signature" | "policy";
  /** Stable name of the check that failed. */
  readonly check: Check;
  /** What was expected and what came, in one line. */
  readonly message: string;
  /** The attack that the check stops, in one line. */
  readonly attack: string;
}

/** What verification found. */
export interface Verdict {
  readonly platform: Platform;
  /** Structure, signatures, bindings and chain hold at the given time under the pinned roots. */
  readonly genuine: boolean;
  /** Genuine, and the policy has nothing against it. */
  readonly accepted: boolean;
  /** Everything that was found wrong, in the order of the layers; empty exactly when accepted. */
  readonly failures: readonly Failure[];
  /** Checks that were made, in order, by name. */
  readonly checked: readonly Check[];
  /** What the evidence binds. Means nothing unless `genuine`. */
  readonly binding: Binding;
  /** What the evidence says, for people and tests. Means nothing unless `genuine`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Measurements by name as a policy names them, lower-case hex. Means nothing unless `genuine`. */
  readonly measurements: Readonly<Record<string, string>>;
}

/** Accepted values of one measurement: lower-case hex, one or several. */
export type ExpectedMeasurements = Readonly<Record<string, string | readonly string[]>>;

/** The literal that a policy says instead of measurements when any code is to be accepted. */
export const INSECURE_ANY_MEASUREMENT = "insecure-any-measurement";

/** Least security versions of an SNP platform's firmware parts, 0..255 each; parts left out are not judged. */
export interface SnpMinimumTcb {
  readonly fmc?: number;
  readonly bootloader?: number;
  readonly tee?: number;
  readonly snp?: number;
  readonly microcode?: number;
}

/**
 * What a verifier demands: plain JSON. `parsePolicy` reads it and refuses unknown fields; see `policy_format.ts` for the meaning and the
 * default of each field.
 */
export interface AttestationPolicy {
  readonly platform: Platform;
  /** Which code: mandatory, so that nobody forgets it. */
  readonly measurements: ExpectedMeasurements | typeof INSECURE_ANY_MEASUREMENT;
  /** PEM certificates to trust in place of the maker's built-in ones: self-signed ones are roots, others intermediates. */
  readonly roots?: string;
  /** Simulated only, mandatory there: the PEM root of the one simulated TEE to accept. */
  readonly insecureSimulatedRoot?: string;
  /** Isolations of which evidence about a function has to name one; any by default. Evidence that names no function is not judged by it. */
  readonly isolation?: readonly Isolation[];
  /** SNP. */
  readonly minimumTcb?: SnpMinimumTcb;
  /** SNP: the least privileged VMPL to accept, 0..3; 1 by default. */
  readonly vmplMax?: number;
  /** SNP: whether a migration agent may be bound to the guest. TDX: whether the TD may be migratable. False by default. */
  readonly allowMigrationAgent?: boolean;
  /** SNP: 32 bytes in hex. */
  readonly hostData?: string;
  /** TDX: least TEE_TCB_SVN, 16 bytes in hex, compared byte by byte. */
  readonly minimumTeeTcbSvn?: string;
  /** SGX: least ISVSVN of the enclave, 0..65535. */
  readonly minimumIsvSvn?: number;
  /** TDX and SGX: whether Intel's collateral must be given; false by default. */
  readonly requireCollateral?: boolean;
  /** TDX and SGX: TCB statuses to accept when collateral is given; `["UpToDate"]` by default. */
  readonly tcbStatuses?: readonly string[];
  /** SNP: whether a list of AMD's revocations must be given; false by default. */
  readonly requireRevocationList?: boolean;
}

/** What verification needs beside evidence and policy. There is no clock and no network. */
export interface VerificationContext {
  /** The time at which certificates and lists have to be valid. */
  readonly at: Date;
  /** The bytes that this verifier just sent. When given, the evidence has to bind them and a session key. */
  readonly nonce?: Uint8Array;
  /** When given, the evidence has to bind exactly this function: SHA-256 of its package. */
  readonly functionChecksum?: Uint8Array;
  /** When given, the evidence has to bind exactly this certificate key: thumbprint, base64url. */
  readonly certificateKid?: string;
  /** Intel's collateral as JSON text (TDX, SGX). */
  readonly collateral?: string;
  /** AMD's certificate revocation lists, DER (SNP). */
  readonly revocationLists?: readonly Uint8Array[];
}

/**
 * The demo's own judge: it attests the enclave itself, under the policy that the profile pins, and verifies every certificate with the
 * key from that evidence. It takes nobody's word: not the nodes', not the host's.
 */
import { fromHex, fromUtf8, utf8 } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import { verifyCertificate } from "../../certificate/mod.ts";
import { type AttestationPolicy } from "../../attestation/mod.ts";
import { connectEnclave } from "../../enclave/client/mod.ts";
import { POLICIES } from "../../../function/leader-election/rules.ts";
import type { Respected } from "./model.ts";

/** A judge of certificates. */
export interface Witness {
  /** The platform of the TEE. */
  readonly tee: string;
  /** How the function draws. */
  readonly policy: string;
  /** The attested key. */
  readonly kid: string;
  /** What a document says when it verifies; otherwise what is wrong with it, as a text. */
  verify(document: unknown): Respected | string;
}

/** What has to be attested. */
export interface Attestable {
  readonly enclave: string;
  readonly token: string;
  readonly attestation: AttestationPolicy;
  readonly functionId: string;
  /** Hex. */
  readonly functionChecksum: string;
  readonly cluster: string;
}

/** Attests and asks the function what it is. Throws a {@linkcode FumataError}. */
export async function attestedWitness(what: Attestable): Promise<Witness> {
  const checksum = fromHex(what.functionChecksum);
  if (!checksum) throw refused(`"${what.functionChecksum}" is no checksum`);
  using connection = await connectEnclave({
    url: what.enclave,
    token: what.token,
    policy: what.attestation,
    functionId: what.functionId,
    checksum,
  });
  const key = connection.certificateKey;
  if (!key) throw refused("its evidence binds no certificate key");
  const said = fromUtf8(await connection.invoke(utf8('{"describe":{}}'))) ?? "";
  const policy = POLICIES.find((name) => name === JSON.parse(said).policy);
  if (!policy) throw refused("the function names no policy that is known");
  const keys = new Map([[key.kid, key]]);
  return {
    tee: connection.evidence.platform,
    policy,
    kid: key.kid,
    verify(document) {
      const verdict = verifyCertificate(document, {
        domain: { checksum, cluster: what.cluster },
        keys,
        policy,
      });
      if (!verdict.ok) return verdict.failures.map((failure) => failure.message).join("; ");
      const { id, term, leader, leaderName, active } = verdict.certificate;
      const votes = verdict.certificate.document.bundle.length;
      return { certificateId: id, term, leader, leaderName, active, votes };
    },
  };
}

function refused(why: string): FumataError {
  return new FumataError("refused", `Cannot verify the elections of the enclave: ${why}`);
}

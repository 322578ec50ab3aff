/**
 * The demo's own judge: it attests the enclave itself, under the policy that the profile pins, and verifies every certificate with the
 * key from that evidence. It takes nobody's word: not the nodes', not the host's.
 */
import { fromBase64url, fromHex, fromUtf8, utf8 } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import { verifyCertificate } from "../../certificate/mod.ts";
import { type AttestationPolicy } from "../../attestation/mod.ts";
import { verifyEd25519 } from "../../crypto/ed25519.ts";
import { connectEnclave } from "../../enclave/client/mod.ts";
import { parseDescription } from "../../node/function_description.ts";
import { rosterOf } from "../../node/roster_cluster.ts";
import { type Domain, voteMessage } from "../../../function/leader-election/rules.ts";
import type { Roster } from "../../election/roster/types.ts";
import type { Electorate, Respected } from "./model.ts";

/** A judge of certificates. */
export interface Witness {
  /** The platform of the TEE. */
  readonly tee: string;
  /** How the function draws. */
  readonly policy: string;
  /** The attested key. */
  readonly kid: string;
  /** Of a roster cluster; absent in an open one. */
  readonly electorate?: Electorate;
  /** What a document says when it verifies; otherwise what is wrong with it, as a text. */
  verify(document: unknown): Respected | string;
  /** Who is proven to have voted twice in which term; otherwise what is wrong with the proof, as a text. */
  verifyLie(evidence: unknown): ProvenLie | string;
}

/** A lie under the liar's own signatures. */
export interface ProvenLie {
  /** Node id. */
  readonly liar: string;
  readonly term: number;
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
  const description = parseDescription(said);
  if (typeof description === "string") throw refused(description);
  const { policy } = description;
  const keys = new Map([[key.kid, key]]);
  const domain = { checksum, cluster: what.cluster };
  const config = description.kind === "roster" ? description.config : undefined;
  const roster = config && rosterOf(config);
  return {
    tee: connection.evidence.platform,
    policy,
    kid: key.kid,
    ...(roster && { electorate: { ...roster, voters: roster.voters.length } }),
    verify(document) {
      const verdict = verifyCertificate(document, {
        domain,
        keys,
        policy,
        ...(config && { config }),
      });
      if (!verdict.ok) return verdict.failures.map((failure) => failure.message).join("; ");
      const { id, term, leader, leaderName, active } = verdict.certificate;
      const votes = verdict.certificate.document.bundle.length;
      return { certificateId: id, term, leader, leaderName, active, votes };
    },
    verifyLie: (evidence) => roster ? provenLie(evidence, domain, roster) : "there is no roster",
  };
}

/** Two votes of one voter in one term on two digests prove a lie to whoever knows the voter's key; nobody is believed. */
function provenLie(evidence: unknown, domain: Domain, { voters }: Roster): ProvenLie | string {
  const { type, liar, votes } = evidence as {
    type?: unknown;
    liar?: string;
    votes?: readonly { term: number; digest: string; vote: { key: string; signature: string } }[];
  };
  const [one, other] = votes ?? [];
  if (type !== "votes" || !one || !other) return `evidence of the kind "${type}"`;
  if (one.term !== other.term || one.digest === other.digest) return "the votes do not conflict";
  const { key } = voters.find(({ id }) => id === liar) ?? {};
  const isGenuine = votes!.every(({ term, digest, vote }) => {
    const [keyBytes, digestBytes, signature] = [vote.key, digest, vote.signature]
      .map(fromBase64url);
    return vote.key === key && keyBytes && digestBytes && signature &&
      verifyEd25519(keyBytes, voteMessage(domain, term, digestBytes), signature);
  });
  return isGenuine ? { liar: liar!, term: one.term } : `not both are votes of ${liar}`;
}

function refused(why: string): FumataError {
  return new FumataError("refused", `Cannot verify the elections of the enclave: ${why}`);
}

/**
 * What an accepted certificate means, in words: what was proven, what is taken on trust, what was not proven. `fumata verify` and a node's
 * page say the same. Plain facts in, so that it does not matter which verifier found them.
 */
import { quorum } from "../../function/leader-election/roster_rules.ts";

/** What was found. */
export interface MeaningFacts {
  /** What kind it is, and who could vote. */
  readonly about:
    | { readonly kind: "open"; readonly policy: string; readonly activeNodes: number }
    | Electorate & { readonly kind: "roster"; readonly policy: string }
    /** `successor` is a checksum in hex. */
    | Electorate & { readonly kind: "closing"; readonly successor: string };
  /** Genuine votes. */
  readonly votes: number;
  readonly term: number;
  readonly kid: string;
  /** Of the function, hex. */
  readonly checksum: string;
  /** The TEE by whose evidence the key is trusted; absent where somebody vouches for the key. */
  readonly platform?: string;
  /** Who vouches for what nothing proves. */
  readonly vouchers: Vouchers;
  /** The URL at which the leader's key was proven, and how to have that done. */
  readonly provedAt?: string;
  readonly howToProve?: string;
  /** The file in which the term was remembered, or the term that was wanted at least. */
  readonly storedIn?: string;
  readonly termMin?: number;
}

/** The voters of a roster. */
export interface Electorate {
  readonly voters: number;
  readonly faultBound: number;
}

/** Who says what nothing proves, as words before "says so"; absent where it is pinned. */
export interface Vouchers {
  readonly key: string;
  readonly config?: string;
  readonly checksum?: string;
  /** For the name of an open cluster. */
  readonly cluster?: string;
}

/** The meaning of an acceptance. */
export interface Meaning {
  readonly proven: readonly string[];
  readonly trusted: readonly string[];
  readonly notProven: readonly string[];
}

/** What was proven, taken on trust and not proven. */
export function meaningOf(facts: MeaningFacts): Meaning {
  return {
    proven: [...proven(facts)],
    trusted: [...trusted(facts)],
    notProven: [...notProven(facts)],
  };
}

function* proven(facts: MeaningFacts): Generator<string> {
  const { about, votes, term, kid, checksum, platform, vouchers } = facts;
  if (about.kind === "open") {
    yield `${votes} of the ${about.activeNodes} nodes that it lists voted for exactly this proposal`;
  } else {
    const needed = quorum(about.voters, about.faultBound);
    const isClosing = about.kind === "closing";
    const who = isClosing ? "to close" : "for exactly this proposal";
    yield `${votes} of the ${about.voters} voters voted ${who}; ${needed} are needed`;
    const { faultBound } = about;
    const liars = faultBound === 0 ? "no voter lies" : `at most ${faultBound} of them lie`;
    yield isClosing
      ? `if ${liars}, nobody leads in this function after term ${term}`
      : `if ${liars}, nobody else leads in term ${term}`;
  }
  yield `the key ${kid} signed the certificate${about.kind === "closing" ? "" : " and its beacon"}`;
  yield about.kind === "closing"
    ? `the operator ordered to go on as function ${about.successor}`
    : `the draw (${about.policy}) was recomputed and gives this leader`;
  if (about.kind !== "open" && vouchers.config === undefined) {
    yield "roster, policy, lease and fault bound are those of the package";
  }
  if (platform !== undefined) {
    yield `the key belongs to function ${checksum} in a ${platform} TEE`;
  }
  if (facts.storedIn !== undefined) {
    yield `no greater term was seen by ${facts.storedIn}, which has this one now`;
  } else if (facts.termMin !== undefined) yield `its term is at least ${facts.termMin}`;
  if (facts.provedAt !== undefined) {
    yield `whoever answers at ${facts.provedAt} holds the leader's key, or passes it on`;
  }
}

function* trusted({ about, platform, vouchers }: MeaningFacts): Generator<string> {
  const { checksum, cluster, config, key } = vouchers;
  if (checksum !== undefined) yield `that this is the function that is meant: ${checksum} says so`;
  if (cluster !== undefined) yield `that this is the cluster that is meant: ${cluster} says so`;
  if (about.kind !== "open" && config !== undefined) {
    yield `that this cluster.json is that of the function: ${config} says so`;
  }
  if (platform === undefined) {
    yield `that this key was born in an enclave that runs this function: ${key} says so`;
  } else if (platform === "simulated") {
    yield "the simulated TEE: whoever holds its root can sign anything";
  }
}

function* notProven({ about, provedAt, howToProve }: MeaningFacts): Generator<string> {
  yield "that no later term exists";
  if (provedAt === undefined && about.kind !== "closing") {
    const how = howToProve === undefined ? "" : `; ${howToProve}`;
    yield `that whoever gave it to you is the leader${how}`;
  }
  if (about.kind === "open") {
    yield "that it is the only leader: the cluster is open, and every part of a partition elects its own";
  } else if (about.kind === "roster") {
    yield "that the leader holds its lease now: only the leader can know";
  }
  yield "when it was issued: the time in it is the enclave's own word";
}

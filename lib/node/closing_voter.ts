/**
 * A voter of a successor that has not seen how its predecessor closed (design §4.11), between its membership and its shell, still pure; and what
 * its folder comes to hold of what it finds. The node (`closing_part.ts`) and the simulator run this same file.
 */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import { base64url, hex } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import type { VerifiedCertificate } from "../certificate/types.ts";
import { rosterCertificate } from "../election/roster/certificate.ts";
import { ClosingSearch } from "../election/roster/closing_search.ts";
import { rosterSettings } from "../election/roster/settings.ts";
import type { RosterMemory, RosterMessage } from "../election/roster/types.ts";
import type { Membership } from "../membership/core.ts";
import type { Profile } from "../membership/settings.ts";
import type { NodeId } from "../membership/types.ts";
import type { CertificateDesk } from "./certificate_desk.ts";
import type { ChainTable } from "./chain_store.ts";
import type { GossipEvent } from "./gossip.ts";
import { Replica, type ReplicaEffect } from "./replica.ts";
import { rosterGenesis, rosterOf } from "./roster_cluster.ts";
import {
  adoptClosing,
  knownHead,
  openRosterMemory,
  rosterOrigin,
  type RosterStore,
} from "./roster_memory.ts";
import type { StateStore } from "./state_store.ts";

/** What the shell is asked to do, in this order: what every node does, and questions. */
export type ClosingVoterEffect = ReplicaEffect<never, RosterMessage>;

/** The voter. It votes for nothing and promises nothing. */
export class ClosingVoter {
  readonly #replica: Replica<never, never, RosterMessage>;

  constructor(membership: Membership, options: {
    readonly self: NodeId;
    readonly domain: Domain;
    readonly config: ClusterConfig;
    readonly profile: Profile;
    readonly nowMs: number;
  }) {
    const { self, domain, config, profile, nowMs } = options;
    const others = rosterOf(config).voters.map(({ id }) => id).filter((id) => id !== self);
    const { leaseMs, driftPpm } = config.lease;
    const { pullIntervalMs } = rosterSettings(profile, leaseMs, driftPpm);
    const head = { term: 0, id: rosterGenesis(domain) };
    this.#replica = new Replica<never, never, RosterMessage>(
      membership,
      new ClosingSearch(head, new Set(others), pullIntervalMs),
      { view: () => [], beforeLeaving: [] },
      nowMs,
    );
  }

  /** When the next tick is wanted, monotonic ms. */
  deadlineMs(): number | undefined {
    return this.#replica.deadlineMs();
  }

  /** Takes an event of gossip, or a tick. */
  gossip(event: GossipEvent, nowMs: number): ClosingVoterEffect[] {
    return this.#replica.gossip(event, nowMs);
  }
}

/** The function whose closing certificate a voter has to ask others for; `undefined` when it has it, needs none, or is the only voter. */
export function awaitedClosing(
  { store, domain, desk }: {
    readonly store: RosterStore;
    readonly domain: Domain;
    readonly desk: CertificateDesk;
  },
  config: ClusterConfig,
): Uint8Array | undefined {
  if (!config.succeeds || config.roster.length === 1) return undefined;
  const memory = openRosterMemory(store, domain, desk);
  return rosterOrigin(store, domain, config, memory) ? undefined : config.succeeds;
}

/** What a certificate of the predecessor comes to for a voter of the successor `own`. */
export type ClosingNews =
  /** It closes nothing: others like it lead to what does. */
  | "none"
  /** It closes in favour of another function. */
  | "for-another"
  /** The folder has a later one. */
  | "older"
  /** The folder has this one. */
  | "known"
  /** It is in the folder now, where a node would have stored it had it been there. */
  | "taken";

/**
 * Takes a certificate of the predecessor, verified in full. Who voted to close may do so again in a later term, when nothing came of it: of
 * two closings the later one counts. Throws a `FumataError` when the folder knows better, as {@linkcode adoptClosing} does.
 */
export function takeClosing(
  store: RosterStore & Pick<StateStore, "saveRoster">,
  own: Domain,
  predecessor: Uint8Array,
  certificate: VerifiedCertificate,
): ClosingNews {
  const { roster, term } = certificate;
  if (roster?.kind !== "closing") return "none";
  if (roster.successor !== base64url(own.checksum)) return "for-another";
  const domain = { checksum: predecessor, cluster: own.cluster };
  const known = knownHead(store, domain)?.proposal;
  if (known?.type === "closing" && term < known.term) return "older";
  adoptClosing(store, domain, certificate);
  return term === known?.term ? "known" : "taken";
}

/**
 * The same for a voter that waits for it; whether the wait is over. What it was told it keeps for others that missed it as well: who told it may be
 * gone when they ask. A `FumataError` when the predecessor was closed in favour of another function: the node has to end.
 */
export function endWaiting(
  store: RosterStore & Pick<StateStore, "saveRoster"> & { readonly chain: ChainTable },
  own: Domain,
  predecessor: Uint8Array,
  certificate: VerifiedCertificate,
): boolean | FumataError {
  const news = takeClosing(store, own, predecessor, certificate);
  switch (news) {
    case "none":
    case "older":
      return false;
    case "for-another":
      return new FumataError(
        "refused",
        `Cannot go on from function ${hex(predecessor)}: it was closed in favour of another ` +
          `function than ${hex(own.checksum)}; start the node with that one`,
      );
    case "known":
    case "taken":
      store.chain.save(hex(predecessor), own.cluster, certificate);
      return true;
    default:
      return news satisfies never;
  }
}

/** What a voter remembers that begins with a certificate of its own function, verified in full; `undefined` when that is of an open cluster. */
export function memoryBeginningWith(
  store: RosterStore,
  domain: Domain,
  desk: CertificateDesk,
  certificate: VerifiedCertificate,
): RosterMemory | undefined {
  const head = rosterCertificate(certificate);
  return head && { ...openRosterMemory(store, domain, desk), head };
}

/** The same in the state folder, as text. */
export function saveMemory(
  store: Pick<StateStore, "saveRoster">,
  { checksum, cluster }: Domain,
  memory: RosterMemory,
): void {
  store.saveRoster(hex(checksum), cluster, JSON.stringify(memory));
}

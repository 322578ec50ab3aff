/**
 * The pure machines inside a node, made from what it was started with and what its state folder holds: its membership, and the part of its
 * election that fits the kind of its cluster.
 */
import { hex } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import { createPrng, type Prng } from "../base/prng.ts";
import type { Address } from "../base/address.ts";
import { LAN_ELECTION, LOCAL_ELECTION, WAN_ELECTION } from "../election/settings.ts";
import { createMembership, type Membership } from "../membership/core.ts";
import { PROFILES } from "../membership/settings.ts";
import type { AliveClaim } from "../membership/types.ts";
import { ClosingPart } from "./closing_part.ts";
import { awaitedClosing } from "./closing_voter.ts";
import type { ElectionPart } from "./election_part.ts";
import type { FunctionDescription } from "./function_description.ts";
import type { Mailbox } from "./mailbox.ts";
import type { NodeOptions } from "./node_options.ts";
import { OpenPart, type OpenPartOptions } from "./open_part.ts";
import { requireVoter, rosterOf } from "./roster_cluster.ts";
import { RosterPart } from "./roster_part.ts";
import type { StateStore } from "./state_store.ts";

const ELECTION_SETTINGS = { local: LOCAL_ELECTION, lan: LAN_ELECTION, wan: WAN_ELECTION };

/** The membership of a node that others know by this name at this address; it begins with the members of an earlier run. */
export function nodeMembership(
  options: Pick<NodeOptions, "profile" | "seeds" | "tags">,
  self: { readonly name: string; readonly address: Address },
  store: StateStore,
  mailbox: Mailbox,
  description: FunctionDescription | undefined,
): Membership {
  const { id, publicKey } = store.identity;
  const roster = description?.kind === "roster" ? rosterOf(description.config) : undefined;
  return createMembership({
    self: { ...self, id, publicKey, tags: options.tags, keyMadeS: store.keyMadeS },
    lastIncarnation: store.incarnation,
    seeds: options.seeds,
    known: knownMembers(store, mailbox),
    settings: PROFILES[options.profile],
    prng: freshPrng(),
    nonce: () => hex(crypto.getRandomValues(new Uint8Array(8))),
    signClaim: mailbox.signClaim,
    signAck: mailbox.signAck,
    ...(roster && {
      roster: {
        ids: new Set(roster.voters.map((voter) => voter.id)),
        faultBound: roster.faultBound,
      },
    }),
  });
}

/** Members of an earlier run. Their keys count from the start, for they may speak to this node before they hear that it was away. */
function knownMembers(store: StateStore, mailbox: Mailbox): AliveClaim[] {
  const claims = mailbox.readAliveClaims(store.memberClaims());
  for (const { subject, publicKey } of claims) mailbox.know({ id: subject, publicKey });
  return claims;
}

/** The election's part. Throws a `FumataError` when the function is for a cluster of another name, or its roster without this node. */
export function electionPart(
  options: Pick<NodeOptions, "profile" | "seeds" | "middleman">,
  parts:
    & Pick<
      OpenPartOptions,
      "domain" | "name" | "membership" | "store" | "desk" | "journal" | "shell"
    >
    & { readonly canJudgePredecessor: boolean },
): ElectionPart {
  const { profile, seeds, middleman } = options;
  const { name, canJudgePredecessor: canJudge, ...common } = parts;
  const shared = { ...common, prng: freshPrng(), nowMs: performance.now() };
  const { description } = parts.desk;
  if (description?.kind !== "roster") {
    const settings = ELECTION_SETTINGS[profile];
    return new OpenPart({ ...shared, name, settings, awaitsSeeds: seeds.length > 0 });
  }
  const { config } = description;
  const { cluster } = parts.domain;
  if (config.cluster !== cluster) {
    throw new FumataError(
      "usage",
      `Cannot run in cluster "${cluster}": the function's cluster.json is for ` +
        `cluster "${config.cluster}"; start the node with --cluster ${config.cluster}`,
    );
  }
  requireVoter(config, parts.store.identity);
  const predecessor = awaitedClosing(parts, config);
  if (predecessor) return new ClosingPart({ ...shared, config, profile, predecessor, canJudge });
  return new RosterPart({ ...shared, config, profile, ...(middleman && { middleman }) });
}

function freshPrng(): Prng {
  return createPrng(crypto.getRandomValues(new Uint32Array(1))[0]);
}

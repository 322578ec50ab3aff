/** What a simulated process is made of when it starts: the pure machines of the real node, with what the disk holds. */
import type { Address } from "../base/address.ts";
import { createPrng, type Prng } from "../base/prng.ts";
import type { Identity } from "../crypto/ed25519.ts";
import { createMembership, type Membership } from "../membership/core.ts";
import { PROFILES } from "../membership/settings.ts";
import type { CertificateDesk } from "../node/certificate_desk.ts";
import { awaitedClosing } from "../node/closing_voter.ts";
import type { Mailbox } from "../node/mailbox.ts";
import { rosterOf } from "../node/roster_cluster.ts";
import { simulatedRules, unsignedClaims } from "./identities.ts";
import { OpenBody, RosterBody, type SimBody } from "./sim_body.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { SimFunction } from "./sim_function.ts";
import { ChainBody, ClosingBody } from "./sim_successor.ts";
import type { World } from "./world.ts";

/** Who starts. */
export interface Starter {
  readonly place: number;
  readonly name: string;
  readonly identity: Identity;
  readonly address: Address;
  readonly mailbox: Mailbox;
  readonly disk: SimDisk;
  readonly function: SimFunction;
}

/** The membership of a process that starts. */
export function bootMembership(world: World, starter: Starter, prng: Prng): Membership {
  const { identity, mailbox, disk, place, name, address } = starter;
  const { signClaim, signAck } = world.signs ? mailbox : unsignedClaims(identity);
  const { config } = starter.function;
  const roster = config && rosterOf(config);
  return createMembership({
    self: {
      id: identity.id,
      publicKey: identity.publicKey,
      name,
      address,
      tags: {},
      keyMadeS: place,
    },
    lastIncarnation: disk.incarnation,
    seeds: world.seedsOf(place),
    known: disk.members,
    settings: PROFILES.local,
    prng: createPrng(prng.uint32()),
    nonce: () => prng.uint32().toString(16).padStart(16, "0"),
    signClaim,
    signAck,
    ...(roster && {
      roster: {
        ids: new Set(roster.voters.map((voter) => voter.id)),
        faultBound: roster.faultBound,
      },
    }),
  });
}

/** The election of a process that starts at a monotonic time. */
export function bootBody(
  world: World,
  { identity, name, disk, place, function: own }: Starter,
  { desk, membership, prng, nowMs, goOn }: {
    readonly desk: CertificateDesk;
    readonly membership: Membership;
    readonly prng: Prng;
    readonly nowMs: number;
    /** What it waited for is on its disk. */
    readonly goOn: () => void;
  },
): SimBody {
  const { domain, config, collectors, digests } = own;
  const options = { identity, name, domain, disk, desk, membership, prng, nowMs };
  if (!config) return new OpenBody(options, collectors, world.seedsOf(place).length > 0);
  // Else nobody asks for what closed the predecessor: the operator brings it.
  const predecessor = world.fetchesClosings &&
    awaitedClosing({ store: disk, domain, desk }, config);
  if (predecessor) return new ClosingBody(options, config, predecessor, goOn);
  const { signs } = world;
  const rules = simulatedRules(identity, domain, config, { prng, collectors, digests, signs });
  return world.fetchesClosings
    ? new ChainBody(options, config, rules)
    : new RosterBody(options, config, rules);
}

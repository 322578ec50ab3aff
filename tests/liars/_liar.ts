/**
 * A roster of real nodes on real sockets, one of whom lies: an honest core whose messages a script changes, and a second socket that says
 * whatever its key can sign. An observer judges the whole cluster from what all of them logged.
 */
import { type Address } from "../../lib/base/address.ts";
import { base64url } from "../../lib/base/bytes.ts";
import type { Identity } from "../../lib/crypto/ed25519.ts";
import type { RosterMessage, RosterRules } from "../../lib/election/roster/types.ts";
import { Mailbox } from "../../lib/node/mailbox.ts";
import type { Middleman } from "../../lib/node/middleman.ts";
import type { NodeOptions } from "../../lib/node/node_options.ts";
import { rosterRules } from "../../lib/node/roster_cluster.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { openTransport, type Transport } from "../../lib/node/transport.ts";
import { encodeRosterMessage, ROSTER_KINDS } from "../../lib/wire/roster_messages.ts";
import type { Said, TestNode } from "../node/_cluster.ts";
import { limited } from "../node/_limit.ts";
import { leaseHolder, type RosterWorld, rosterWorld } from "../node/_roster.ts";
import { Observer } from "./_observer.ts";

/** Terms that may pass until the draw makes the liar collector or leader: 1 in 4 each, so that 200 fail with probability 1e-25. */
const TERMS_MAX = 200;

/** What the liar does at present; both are honest unless a test says otherwise. */
export class Script implements Middleman {
  sends: Middleman["sends"] = (message) => [message];
  hears: Middleman["hears"] = () => true;

  /** Honest again, but deaf to proofs against itself: an honest core would stop at them, and that is no lie. */
  reset(ownKey: string): void {
    this.sends = (message) => [message];
    this.hears = (message) => {
      if (message.kind === "evidence") return message.votes[0].vote.key !== ownKey;
      return message.kind !== "gave-up" || message.seen?.vote.key !== ownKey;
    };
  }
}

/** The cluster. The liar is its last node. */
export class LiarsCluster implements AsyncDisposable {
  readonly world: RosterWorld;
  readonly honest: readonly TestNode[];
  readonly liar: TestNode;
  readonly script = new Script();
  readonly identity: Identity;
  readonly rules: RosterRules;
  readonly mailbox: Mailbox;
  readonly observer: Observer;
  readonly #transport: Transport;

  private constructor(world: RosterWorld, running: number) {
    this.world = world;
    const place = running - 1;
    this.identity = identityOf(world.folders[place]);
    this.script.reset(this.key);
    const first = world.start(0, []);
    const rest = Array.from({ length: running - 2 }, (_, i) => world.start(i + 1, [first]));
    this.honest = [first, ...rest];
    this.liar = world.start(place, [first], { middleman: this.script });
    this.observer = new Observer(this.nodes);
    const domain = { checksum: world.enclave.checksum, cluster: "test" };
    this.mailbox = new Mailbox(this.identity, domain);
    this.#transport = openTransport({ host: "127.0.0.1", port: 0 }, {
      datagram() {},
      stream: () => [],
    });
    const { description } = world;
    if (description.kind !== "roster") throw new Error("the function serves no roster");
    this.rules = rosterRules(this.identity, domain, description.config, freshNonce);
  }

  /** Starts `running` of `n` voters, of whom `f` may lie; resolves when one leads. */
  static async start(n: number, faultBound: number, running = n): Promise<LiarsCluster> {
    const cluster = new LiarsCluster(await rosterWorld(n, faultBound), running);
    await leaseHolder(cluster.nodes);
    return cluster;
  }

  get nodes(): readonly TestNode[] {
    return [...this.honest, this.liar];
  }

  /** Raw key of the liar, base64url. */
  get key(): string {
    return base64url(this.identity.publicKey);
  }

  /** How many lines each node has said. */
  marks(nodes = this.nodes): number[] {
    return nodes.map(({ listener }) => listener.said.length);
  }

  /** Resolves when every honest node has said such a thing since the marks. */
  async allSay(
    what: string,
    passes: (said: Said) => boolean,
    from = this.honest.map(() => 0),
  ): Promise<void> {
    const all = Promise.all(this.honest.map(({ listener }, i) => listener.until(passes, from[i])));
    await limited(`${what}, from every honest node,`, this.honest, all);
  }

  /** Says something to all honest nodes from the second socket. */
  say(message: RosterMessage, to: readonly TestNode[] = this.honest): void {
    const { description } = this.world;
    if (description.kind !== "roster") return;
    const voters = description.config.roster
      .map(({ id, key }) => ({ id: base64url(id), key: base64url(key) }));
    const body = encodeRosterMessage(message, voters);
    for (const { node } of to) {
      const { bytes, fitsDatagram } = this.mailbox.election(
        node.id,
        ROSTER_KINDS[message.kind],
        body,
      );
      if (fitsDatagram) this.#transport.send(node.address, bytes);
      else this.#transport.exchange(node.address, [bytes]).catch(() => {});
    }
  }

  /** Sends bytes from the second socket as they are. */
  sendRaw(to: Address, bytes: Uint8Array): void {
    this.#transport.send(to, bytes);
  }

  /** The node that holds the lease, as soon as one of these does. */
  async leader(nodes: readonly TestNode[] = this.nodes): Promise<TestNode> {
    for (;;) {
      const marks = this.marks(nodes);
      const holder = nodes.find(({ node }) => node.leaseRemainingMs() > 0);
      if (holder) return holder;
      await leaseHolder(nodes, marks);
    }
  }

  /** Has the leader step down; resolves when another election has made a leader with a lease. */
  async elect(): Promise<TestNode> {
    const leader = await this.leader();
    const marks = this.marks();
    leader.node.stepDown();
    return await leaseHolder(this.nodes, marks);
  }

  /** Elects until somebody, or everybody, of the honest has said such a thing since the marks: who collects and who votes in time is chance. */
  async electUntilSaid(
    passes: (said: Said) => boolean,
    from: readonly number[],
    enough: "some" | "every",
  ): Promise<void> {
    const isSaid = () =>
      this.honest[enough](({ listener }, i) => listener.said.slice(from[i]).some(passes));
    for (let tries = 0; !isSaid(); tries++) {
      if (tries === TERMS_MAX) throw new Error("nobody ever says it");
      await this.elect();
    }
  }

  /** Elects until the liar is going to collect in the next term. */
  async untilLiarCollects(): Promise<void> {
    for (let tries = 0; tries < TERMS_MAX; tries++) {
      const leader = await this.leader();
      const { id, term } = leader.node.leader!;
      if (this.rules.collector(id, term + 1) === this.liar.node.id) return;
      await this.elect();
    }
    throw new Error("the liar never collects");
  }

  /** Elects until the liar leads. */
  async untilLiarLeads(): Promise<void> {
    for (let tries = 0; tries < TERMS_MAX; tries++) {
      if (await this.leader() === this.liar) return;
      await this.elect();
    }
    throw new Error("the liar never leads");
  }

  /** Elects until an honest node leads. */
  async untilHonestLeads(): Promise<TestNode> {
    for (let tries = 0; tries < TERMS_MAX; tries++) {
      const leader = await this.leader();
      if (leader !== this.liar) return leader;
      await this.elect();
    }
    throw new Error("no honest node leads");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
    await this.#transport[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }
}

/** Options of a node that a script stands in front of. */
export function scripted(middleman: Partial<Middleman>): Partial<NodeOptions> {
  return { middleman: { sends: (message) => [message], hears: () => true, ...middleman } };
}

/** The key of a state folder that no process holds. */
export function identityOf(folder: string): Identity {
  using store = StateStore.open(folder);
  return store.identity;
}

function freshNonce(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(16)));
}

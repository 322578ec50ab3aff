/**
 * The operator of a roster cluster who has it go on as another function, in the middle of whatever else goes wrong (design §4.11): orders the
 * succession at some voter, and again at others while nothing comes of it; starts each machine anew under the next function when
 * somebody has the closing certificate, and puts that into the folders of those that missed it, as `fumata succession --import`
 * does; stops voters that the next roster does not have. Some start a machine too early, and then its state folder has to refuse.
 *
 * Where voters fetch what they missed (`World.fetchesClosings`) nobody brings it to them, except where it can't be had or judged: to
 * machines that never attested the old function, after a while, and to all when those that hold it are gone or lie. A machine that is
 * started too early waits then, and is put back.
 */
import { hex } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import type { Prng } from "../base/prng.ts";
import { signSuccessionOrder, type SuccessionOrderFile } from "../certificate/succession_order.ts";
import type { VerifiedCertificate } from "../certificate/types.ts";
import type { RosterCertificate } from "../election/roster/types.ts";
import { adoptClosing, knownHead } from "../node/roster_memory.ts";
import { RosterBody } from "./sim_body.ts";
import { insecureOperator, type SimFunction } from "./sim_function.ts";
import type { SimNode } from "./sim_node.ts";
import { ClosingBody } from "./sim_successor.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** How often the operator looks after the machines, ms. */
const LOOK_MS = 100;
/** At each look a machine that is to go over does so with this chance: the others stay behind for a while. */
const HASTE = 0.3;
/** One operator in so many starts a machine before anything is closed. */
const TOO_EARLY_ONE_IN = 2;

/** How long a machine that can't judge what closed the old function waits for a certificate of the new one before it is brought a file, ms. */
const NEWCOMER_PATIENCE_MS = 5_000;

/** What closed a function, as the election and as verifiers know it. */
interface Closing {
  readonly certificate: RosterCertificate;
  readonly verified: VerifiedCertificate;
}

/** The operator of one run. */
export class Operator {
  /** Successions that were ordered, and machines that a state folder kept from starting too early. */
  ordered = 0;
  refusals = 0;
  /** Machines that were started without what closed the old function, to find it out by themselves. */
  waited = 0;
  readonly #world: World;
  readonly #prng: Prng;
  readonly #isGone: (node: SimNode) => boolean;
  #order?: SuccessionOrderFile;
  #closing?: Closing;
  /** Since when machines wait for it, in vain as far as the operator can see. */
  readonly #waitsSinceMs = new Map<SimNode, number>();

  /** `isGone` tells whose machine or memory is gone for good. */
  constructor(world: World, prng: Prng, isGone: (node: SimNode) => boolean) {
    this.#world = world;
    this.#prng = prng;
    this.#isGone = isGone;
  }

  /** The function that the cluster is to run. */
  get target(): SimFunction {
    return this.#world.functions[this.ordered];
  }

  /** Orders the next succession. False when there is none left, or the last one is still under way. */
  order(): boolean {
    const { functions, nodes } = this.#world;
    const next = functions[this.ordered + 1];
    if (!next || this.#isUnderWay) return false;
    const { domain } = this.target;
    this.#order = signSuccessionOrder(insecureOperator(), domain, next.domain.checksum);
    this.#closing = undefined;
    this.ordered++;
    if (this.#prng.below(TOO_EARLY_ONE_IN) === 0) this.#startTooEarly(nodes, next);
    if (this.ordered === 1) this.#lookLater();
    return true;
  }

  get #isUnderWay(): boolean {
    const { target } = this;
    return target.places.some((place) => {
      const node = this.#world.nodes[place];
      if (this.#isGone(node)) return false;
      return node.function !== target || this.#world.fetchesClosings && !this.#knows(node);
    });
  }

  #lookLater(): void {
    this.#world.at(this.#world.nowMs + LOOK_MS, () => {
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    const { nodes } = this.#world;
    this.#findClosing();
    if (this.#closing) return this.#moveOn(this.#closing);
    nodes[this.#prng.below(nodes.length)].takeOrder(this.#order!);
    if (!this.#world.fetchesClosings) return;
    const early = nodes.find((node) => node.function === this.target && !this.#isGone(node));
    if (early && this.#prng.float() < HASTE) this.#putBack(early);
  }

  /** The last certificate that closes the old function, of those that anybody shows: there are several when an enclave lost its key meanwhile. */
  #findClosing(): void {
    const old = this.#world.functions[this.ordered - 1];
    for (const node of this.#world.nodes) {
      const head = node.isUp && node.function === old ? node.headCertificate : undefined;
      if (head?.proposal.type !== "closing" || head.proposal.term <= this.#closedTerm) continue;
      const verdict = node.desk.verify(head.document);
      if (verdict.ok) this.#closing = { certificate: head, verified: verdict.certificate };
    }
  }

  get #closedTerm(): number {
    return this.#closing?.certificate.proposal.term ?? 0;
  }

  #moveOn(closing: Closing): void {
    for (const node of this.#world.nodes) {
      if (this.#isGone(node) || this.#prng.float() >= HASTE) continue;
      if (!this.target.places.includes(node.place)) this.#dismiss(node);
      else if (!this.#isOver(node) || this.#waitsInVain(node)) this.#take(node, closing);
    }
  }

  /** Whether a machine runs the new function, after the last closing or a certificate of its own. */
  #isOver(node: SimNode): boolean {
    if (node.function !== this.target) return false;
    // Of two closings the voters tell each other the later one.
    if (this.#world.fetchesClosings) return true;
    if (!(node.isUp && node.body instanceof RosterBody)) return true;
    const { head, headCertificate } = node.body.voter;
    return headCertificate !== undefined || head.term >= this.#closedTerm;
  }

  /** Whether a machine waits for what it will not get by itself. */
  #waitsInVain(node: SimNode): boolean {
    if (!node.isUp || !(node.body instanceof ClosingBody)) return false;
    if (!this.#isWithinReachOf(node)) return true;
    if (node.courts.canJudgePredecessor) return false;
    const { nowMs } = this.#world;
    const sinceMs = this.#waitsSinceMs.get(node) ?? nowMs;
    this.#waitsSinceMs.set(node, sinceMs);
    return nowMs - sinceMs > NEWCOMER_PATIENCE_MS;
  }

  /** Whether an honest voter of the new roster holds what closed the old function, or a certificate of the new one. */
  #isWithinReachOf(node: SimNode): boolean {
    return this.target.places.some((place) => {
      const other = this.#world.nodes[place];
      const isThere = other !== node && !other.liar && other.isEnrolled && !this.#isGone(other);
      return isThere && this.#knows(other);
    });
  }

  /** Whether a folder holds what closed the function before the target, if there is one, or a certificate of the target. */
  #knows({ disk }: SimNode): boolean {
    const before = this.#world.functions[this.ordered - 1];
    if (!before || knownHead(disk, this.target.domain)) return true;
    return knownHead(disk, before.domain)?.proposal.type === "closing";
  }

  #dismiss(node: SimNode): void {
    node.isEnrolled = false;
    node.crash();
  }

  #take(node: SimNode, closing: Closing): void {
    if (node.disk.isFull || node.clock.isSuspended(this.#world.nowMs)) return;
    const isBrought = !this.#world.fetchesClosings || this.#waitsInVain(node);
    node.crash();
    if (isBrought && !this.#bring(node, closing)) return node.boot();
    node.isEnrolled = true;
    this.#nameSeed(node);
    if (!node.bootUnder(this.target)) throw this.#cantStart(node);
    if (!(node.body instanceof ClosingBody)) return;
    this.waited++;
  }

  /** Names somebody who is there to a machine whose seeds are all gone: nobody else could tell it, and it nobody. */
  #nameSeed(node: SimNode): void {
    const { nodes } = this.#world;
    const isThere = (other: SimNode) => other.isEnrolled && !this.#isGone(other);
    if (this.#world.seedNodesOf(node.place).some(isThere)) return;
    const there = this.target.places.find((place) =>
      nodes[place] !== node && isThere(nodes[place])
    );
    if (there !== undefined) this.#world.nameSeed(node.place, there);
  }

  /** Puts the closing into the folder of a machine that is down. False when that has a later one itself: at the next look everybody gets that. */
  #bring(node: SimNode, { certificate, verified }: Closing): boolean {
    const before = this.#world.functions[this.ordered - 1];
    try {
      adoptClosing(node.disk, before.domain, verified);
    } catch (thrown) {
      if (!(thrown instanceof FumataError) || thrown.code !== "refused") throw thrown;
      return false;
    }
    const { checksum, cluster } = before.domain;
    node.disk.chain.save(hex(checksum), cluster, verified);
    this.#waitsSinceMs.delete(node);
    this.#world.adopted(node, certificate, before);
    return true;
  }

  /** A machine that was started too early goes back to the function that is not closed yet. */
  #putBack(node: SimNode): void {
    if (node.disk.isFull || node.clock.isSuspended(this.#world.nowMs)) return;
    node.crash();
    if (!node.bootUnder(this.#world.functions[this.ordered - 1])) throw this.#cantStart(node);
  }

  #startTooEarly(nodes: readonly SimNode[], next: SimFunction): void {
    const node = nodes[this.#prng.below(nodes.length)];
    if (!node.isUp || !node.isEnrolled || node.liar || node.disk.isFull) return;
    node.crash();
    if (!node.bootUnder(next)) {
      this.refusals++;
      return node.boot();
    }
    if (node.body instanceof ClosingBody) return;
    const message = `${node.name} starts under another function before its own is closed`;
    throw new Violation("succession", message, this.#world.nowMs);
  }
  #cantStart(node: SimNode): Violation {
    const message = `${node.name} can't start under what its electorate closed for`;
    return new Violation("succession", message, this.#world.nowMs);
  }
}

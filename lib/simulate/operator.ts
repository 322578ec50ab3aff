/**
 * The operator of a roster cluster who has it go on as another function, in the middle of whatever else goes wrong (design §4.11): orders the
 * succession at some voter, and again at others while nothing comes of it; starts each machine anew under the next function when
 * somebody has the closing certificate, and puts that into the folders of those that missed it, as `fumata succession --import`
 * does; stops voters that the next roster does not have. Some start a machine too early, and then its state folder has to refuse.
 */
import { FumataError } from "../base/errors.ts";
import type { Prng } from "../base/prng.ts";
import { signSuccessionOrder, type SuccessionOrderFile } from "../certificate/succession_order.ts";
import type { VerifiedCertificate } from "../certificate/types.ts";
import type { RosterCertificate } from "../election/roster/types.ts";
import { adoptClosing } from "../node/roster_memory.ts";
import { RosterBody } from "./sim_body.ts";
import { insecureOperator, type SimFunction } from "./sim_function.ts";
import type { SimNode } from "./sim_node.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** How often the operator looks after the machines, ms. */
const LOOK_MS = 100;
/** At each look a machine that is to go over does so with this chance: the others stay behind for a while. */
const HASTE = 0.3;
/** One operator in so many starts a machine before anything is closed. */
const TOO_EARLY_ONE_IN = 2;

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
  readonly #world: World;
  readonly #prng: Prng;
  readonly #isGone: (node: SimNode) => boolean;
  #order?: SuccessionOrderFile;
  #closing?: Closing;

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
      return node.function !== target && !this.#isGone(node);
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
    if (this.#closing) this.#moveOn(this.#closing);
    else nodes[this.#prng.below(nodes.length)].takeOrder(this.#order!);
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
      else if (!this.#isOver(node)) this.#take(node, closing);
    }
  }

  /** Whether a machine runs the new function, after the last closing or a certificate of its own. */
  #isOver(node: SimNode): boolean {
    if (node.function !== this.target) return false;
    if (!(node.isUp && node.body instanceof RosterBody)) return true;
    const { head, headCertificate } = node.body.voter;
    return headCertificate !== undefined || head.term >= this.#closedTerm;
  }

  #dismiss(node: SimNode): void {
    node.isEnrolled = false;
    node.crash();
  }

  #take(node: SimNode, closing: Closing): void {
    if (node.disk.isFull || node.clock.isSuspended(this.#world.nowMs)) return;
    node.crash();
    const before = this.#world.functions[this.ordered - 1];
    try {
      adoptClosing(node.disk, before.domain, closing.verified);
    } catch (thrown) {
      if (!(thrown instanceof FumataError) || thrown.code !== "refused") throw thrown;
      // It has a later closing itself: at the next look everybody gets that one.
      return node.boot();
    }
    this.#world.adopted(node, closing.certificate, before);
    node.isEnrolled = true;
    if (node.bootUnder(this.target)) return;
    const message = `${node.name} can't start under what its electorate closed for`;
    throw new Violation("succession", message, this.#world.nowMs);
  }

  #startTooEarly(nodes: readonly SimNode[], next: SimFunction): void {
    const node = nodes[this.#prng.below(nodes.length)];
    if (!node.isUp || !node.isEnrolled || node.liar || node.disk.isFull) return;
    node.crash();
    if (!node.bootUnder(next)) {
      this.refusals++;
      return node.boot();
    }
    const message = `${node.name} starts under another function before its own is closed`;
    throw new Violation("succession", message, this.#world.nowMs);
  }
}

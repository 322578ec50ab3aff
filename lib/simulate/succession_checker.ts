/**
 * Watches successions from outside (design §4.11): an electorate closes once, the next one begins with that certificate and in later terms, and
 * nobody of the old one leads after that. At the end the chain of certificates is audited as a stranger would do it, through all functions.
 */
import { base64url, hex } from "../base/bytes.ts";
import { auditChain } from "../certificate/audit.ts";
import type { CertificateDocument, Digest } from "../certificate/types.ts";
import type { RosterCertificate } from "../election/roster/types.ts";
import type { ElectionChecker } from "./election_checker.ts";
import type { SimEffect } from "./sim_body.ts";
import type { SimFunction } from "./sim_function.ts";
import type { SimNode } from "./sim_node.ts";
import { Violation } from "./violation.ts";
import type { Watcher, World } from "./world.ts";

/** The eyes of one run. */
export class SuccessionChecker implements Watcher {
  readonly #world: World;
  readonly #election: ElectionChecker;
  /** What closed each function; more than one when an enclave lost its key meanwhile, all for one successor. */
  readonly #closings = new Map<SimFunction, RosterCertificate[]>();
  readonly #seen = new Set<Digest>();
  /** The latest function under which somebody was elected. */
  #latest: SimFunction;

  constructor(world: World, election: ElectionChecker) {
    this.#world = world;
    this.#election = election;
    this.#latest = world.functions[0];
  }

  effect(node: SimNode, effect: SimEffect): void {
    if (node.liar) return;
    if (effect.type === "save" && effect.memory.head) this.#see(node.function, effect.memory.head);
    if (effect.type !== "lease-held" || node.function.number >= this.#latest.number) return;
    throw this.#broken(`${node.name} holds a lease of a function that was succeeded`);
  }

  adopted(_node: SimNode, closing: RosterCertificate, under: SimFunction): void {
    this.#see(under, closing);
  }

  crashed(): void {}

  /** The whole chain that leads to the last certificate, checked as `fumata audit` does. */
  audit(): void {
    const documents = this.#chain();
    const { functions } = this.#world;
    const pins = functions.slice(0, this.#latest.number + 1).map((each) => ({
      domain: each.domain,
      keys: this.#world.keysOf(each),
      config: each.config!,
      allowOpen: false,
    }));
    const { chain, breaks, refused } = auditChain(documents, pins);
    if (breaks.length > 0) throw this.#broken(`the audit finds a break: ${breaks[0].message}`);
    if (refused.length > 0) {
      throw this.#broken(`the audit refuses a certificate: ${refused[0].failures[0].message}`);
    }
    if (chain.length !== documents.length) throw this.#broken("the audit loses certificates");
  }

  /** From the last certificate back to the first. */
  #chain(): CertificateDocument[] {
    const { reigns } = this.#election;
    const documents: CertificateDocument[] = [];
    for (
      let at = this.#election.last?.certificate;
      at;
      at = reigns.get(at.proposal.prev)?.certificate
    ) {
      documents.push(at.document);
    }
    return documents;
  }

  #see(under: SimFunction, certificate: RosterCertificate): void {
    if (this.#seen.has(certificate.id)) return;
    this.#seen.add(certificate.id);
    const { proposal } = certificate;
    const name = hex(under.domain.checksum).slice(0, 8);
    const closings = this.#closings.get(under) ?? [];
    this.#closings.set(under, closings);
    if (proposal.type === "closing") return this.#close(under, closings, certificate);
    if (closings.some((closing) => proposal.term > closing.proposal.term)) {
      throw this.#broken(`function ${name} goes on in term ${proposal.term} after it was closed`);
    }
    if (under.number <= this.#latest.number) return;
    this.#latest = under;
    const before = this.#closings.get(this.#world.functions[under.number - 1]) ?? [];
    const closing = before.find(({ id }) => id === proposal.prev);
    if (closing && proposal.term > closing.proposal.term) return;
    throw this.#broken(`function ${name} does not begin with what closed its predecessor`);
  }

  #close(under: SimFunction, closings: RosterCertificate[], closing: RosterCertificate): void {
    closings.push(closing);
    const next = this.#world.functions[under.number + 1];
    const { proposal } = closing;
    const ordered = next && base64url(next.domain.checksum);
    if (proposal.type === "closing" && proposal.successor === ordered) return;
    throw this.#broken("an electorate closes for another function than was ordered");
  }

  #broken(message: string): Violation {
    return new Violation("succession", message, this.#world.nowMs);
  }
}

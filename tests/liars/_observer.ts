/**
 * Judges a cluster from outside by what its nodes logged (design §8): one certificate a term (I1), no two leases at one instant (I2), terms that
 * grow in every node (I3). The nodes live in one process, so their monotonic clocks are one clock and instants can be compared.
 */
import type { Said, TestNode } from "../node/_cluster.ts";

interface Tenancy {
  readonly node: string;
  readonly term: number;
  readonly fromMs: number;
  untilMs: number;
}

/** The observer. It listens from its making on. */
export class Observer {
  readonly #certificateOfTerm = new Map<number, string>();
  readonly #termOfNode = new Map<TestNode, number>();
  readonly #leases: Tenancy[] = [];
  readonly #broken: string[] = [];

  constructor(nodes: readonly TestNode[]) {
    for (const node of nodes) this.watch(node);
  }

  /** Watches one node more, for instance one that was started again. */
  watch(node: TestNode): void {
    for (const said of node.listener.said) this.#see(node, said);
    node.listener.onSaid = (said) => this.#see(node, said);
  }

  /** Throws when anything that must hold was broken so far. */
  check(): void {
    if (this.#leases.length === 0) this.#broken.push("nobody ever held a lease");
    if (this.#broken.length > 0) throw new Error(this.#broken.join("\n"));
  }

  #see(node: TestNode, { event, fields }: Said): void {
    const nowMs = performance.now();
    const { name } = node.node ?? {};
    switch (event) {
      case "leader":
        return this.#seeLeader(node, Number(fields.term), String(fields.certificateId));
      case "lease-held":
        return this.#seeLease(name, Number(fields.term), nowMs, Number(fields.untilMs));
      case "lease-lost": {
        const lease = this.#leases.findLast((lease) => lease.node === name);
        if (lease) lease.untilMs = Math.min(lease.untilMs, nowMs);
      }
    }
  }

  #seeLeader(node: TestNode, term: number, certificateId: string): void {
    const known = this.#certificateOfTerm.get(term) ?? certificateId;
    this.#certificateOfTerm.set(term, known);
    if (known !== certificateId) this.#broken.push(`I1: term ${term} has two certificates`);
    const before = this.#termOfNode.get(node) ?? 0;
    if (term < before) this.#broken.push(`I3: ${node.node.name} went from ${before} to ${term}`);
    this.#termOfNode.set(node, term);
  }

  #seeLease(node: string, term: number, nowMs: number, untilMs: number): void {
    const own = this.#leases.findLast((lease) => lease.node === node && lease.term === term);
    for (const lease of this.#leases) {
      if (lease !== own && lease.untilMs > nowMs) {
        this.#broken.push(`I2: ${node} holds term ${term} while ${lease.node} holds ${lease.term}`);
      }
    }
    if (own) own.untilMs = untilMs;
    else this.#leases.push({ node, term, fromMs: nowMs, untilMs });
  }
}

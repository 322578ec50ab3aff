/**
 * What differs between open and roster clusters inside a node, behind one interface: the replica, its messages, what it remembers, how
 * it calls the function. The shell (`node.ts`) carries out what both have in common, and asks the part for the rest.
 */
import type { Address } from "../base/address.ts";
import type { SuccessionOrderFile } from "../certificate/succession_order.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import type { ForkEvidence } from "../election/roster/types.ts";
import type { NodeId } from "../membership/types.ts";
import type { Dropped } from "../wire/envelope.ts";
import type { GossipEffect, GossipEvent } from "./gossip.ts";
import type { Succession } from "./succession.ts";

/** What is to be done after a step: what every node does, or an act of the part's own, which has to keep its place in the order. */
export type PartEffect = GossipEffect | { readonly type: "act"; act(): void };

/** One step of the replica at a moment. */
export type Step = (nowMs: number) => readonly PartEffect[];

/** An election message as it came through the door: who signed it is proven, its body is not decoded yet. */
export interface ElectionFrame {
  readonly sender: NodeId;
  readonly senderKey: Uint8Array;
  readonly kind: number;
  readonly body: Uint8Array;
}

/** The part. */
export interface ElectionPart {
  /** Kinds of frames that it decodes. */
  readonly kinds: ReadonlySet<number>;
  /** The present term. */
  readonly term: number;
  /** The certificate that this node goes by now. */
  readonly leader: VerifiedCertificate | undefined;
  deadlineMs(): number | undefined;
  step(event: GossipEvent, nowMs: number): readonly PartEffect[];
  /** Decodes and takes a frame; a drop when it is none. */
  receive(frame: ElectionFrame): Dropped | undefined;
  /** A certificate that was verified just now; `from` is absent when this node's own call brought it. */
  certified(certificate: VerifiedCertificate, from: NodeId | undefined): void;
  /** The same of the function that this one succeeds, verified as it was in its own time. */
  certifiedEarlier(certificate: VerifiedCertificate): void;
  /** The enclave keys for which this node has verified evidence. */
  keys(kids: readonly string[], preferred: string | undefined): void;
  /** How long this node may act as the leader from now on, ms; always 0 in an open cluster, which has no leases. */
  leaseRemainingMs(): number;
  /** Asks for a part of the lease; gives for how many ms it is held from the sending of the request, 0 for a refusal. */
  subLease(id: string, wantedMs: number): number;
  /** What ran under a sub-lease has stopped. */
  subLeaseReturned(id: string): void;
  /** Asks this node to give its leadership back, if it leads a roster cluster. */
  stepDown(): void;
  /** What was proven about liars; nothing in an open cluster. */
  readonly evidence: readonly ForkEvidence[];
  /** How far the succession is; `undefined` before it was ordered, and always in an open cluster. */
  readonly succession: Succession | undefined;
  /** Takes the operator's order to close. Throws a `FumataError` for one that is none for this electorate, or not the first. */
  succeed(order: SuccessionOrderFile): void;
}

/** What a part asks of the shell. */
export interface PartShell {
  /** Runs a step and carries out what follows; a step that comes up meanwhile runs after it, never within. */
  run(step: Step): void;
  /** Sends an election message to these members, by datagram if it fits. */
  send(
    to: readonly { readonly id: NodeId; readonly address: Address }[],
    kind: number,
    body: Uint8Array,
    name: string,
  ): void;
  /** Calls the function on a host that holds this key; rejects with a `FumataError`. */
  call(input: Uint8Array, kid: string): Promise<Uint8Array>;
  /** Verifies a document and takes it when it holds; whether it does. One that is `from` no member is the answer of the enclave that holds the key `kid`. */
  onDocument(document: CertificateDocument, from: NodeId | undefined, kid?: string): boolean;
  /** What the part waited for is in the state folder: the node goes on with the part that fits it now. */
  goOn(): void;
  /** Cannot go on. */
  fail(thrown: unknown): void;
}

/** The open cluster inside a node: its replica, its messages, its memory, its call of the function. */
import type { Domain } from "../../function/leader-election/rules.ts";
import { base64url, hex } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import type { Prng } from "../base/prng.ts";
import { electRequest } from "../certificate/proposal.ts";
import type { VerifiedCertificate } from "../certificate/types.ts";
import { OpenElection } from "../election/open_election.ts";
import type { ElectionSettings } from "../election/settings.ts";
import type { ElectionEvent } from "../election/types.ts";
import type { Membership } from "../membership/core.ts";
import type { NodeId } from "../membership/types.ts";
import { decodeElection, ELECTION_KINDS, encodeElection } from "../wire/election_messages.ts";
import type { Dropped } from "../wire/envelope.ts";
import type { CertificateDesk } from "./certificate_desk.ts";
import type { ElectionFrame, ElectionPart, PartEffect, PartShell } from "./election_part.ts";
import { callForCertificate } from "./election_answer.ts";
import { openElectionRules } from "./election_rules.ts";
import type { GossipEvent } from "./gossip.ts";
import type { Journal } from "./journal.ts";
import { openReplica, type OpenReplicaEffect } from "./open_replica.ts";
import type { StateStore } from "./state_store.ts";

/** Nothing expires in an open cluster but the node's word that it leads, and a holder should not go by it for longer, ms. */
const OPEN_GRANT_MS_MAX = 2_000;

/** What the part is made of. */
export interface OpenPartOptions {
  readonly domain: Domain;
  readonly name: string;
  readonly membership: Membership;
  readonly settings: ElectionSettings;
  readonly store: StateStore;
  readonly desk: CertificateDesk;
  readonly journal: Journal;
  readonly shell: PartShell;
  readonly prng: Prng;
  readonly awaitsSeeds: boolean;
  readonly nowMs: number;
}

/** The part. */
export class OpenPart implements ElectionPart {
  readonly kinds: ReadonlySet<number> = new Set(Object.values(ELECTION_KINDS));
  readonly evidence = [];
  readonly succession = undefined;
  readonly #options: OpenPartOptions;
  readonly #checksum: string;
  readonly #election: OpenElection;
  readonly #replica: ReturnType<typeof openReplica>;

  constructor(options: OpenPartOptions) {
    const { domain, store, desk, nowMs } = options;
    this.#options = options;
    this.#checksum = hex(domain.checksum);
    const { identity } = store;
    const { head, lastVote } = store.history(this.#checksum, domain.cluster);
    this.#election = new OpenElection({
      self: identity.id,
      rules: openElectionRules(identity, domain),
      settings: options.settings,
      memory: { head: head === undefined ? undefined : desk.restore(head), lastVote },
      prng: options.prng,
      nowMs,
      awaitsSeeds: options.awaitsSeeds,
    });
    const self = { id: identity.id, name: options.name, key: base64url(identity.publicKey) };
    this.#replica = openReplica(options.membership, this.#election, self, nowMs);
  }

  get term(): number {
    return this.#election.term;
  }

  get leader(): VerifiedCertificate | undefined {
    return this.#election.respected;
  }

  deadlineMs(): number | undefined {
    return this.#replica.deadlineMs();
  }

  step(event: GossipEvent, nowMs: number): readonly PartEffect[] {
    return this.#replica.gossip(event, nowMs).map((effect) => this.#asPartEffect(effect));
  }

  receive({ sender, senderKey, kind, body }: ElectionFrame): Dropped | undefined {
    const decoded = decodeElection({ senderKey, kind, body }, this.#options.domain);
    if (!decoded.ok) return decoded;
    const { message } = decoded;
    if (message.kind === "certificate") this.#options.shell.onDocument(message.document, sender);
    else this.#run({ type: "message", sender, message });
  }

  certified(certificate: VerifiedCertificate, from: NodeId | undefined): void {
    this.#run({ type: "certificate", certificate, from });
  }

  certifiedEarlier(): void {}

  keys(kids: readonly string[], preferred: string | undefined): void {
    this.#run({ type: "keys", kids, preferred });
  }

  leaseRemainingMs(): number {
    return 0;
  }

  subLease(_id: string, wantedMs: number): number {
    const leads = this.leader?.leader === this.#options.store.identity.id;
    return leads ? Math.min(wantedMs, OPEN_GRANT_MS_MAX) : 0;
  }

  subLeaseReturned(): void {}

  stepDown(): void {}

  succeed(): never {
    const why = "this cluster is open, and has no electorate that could close";
    throw new FumataError("refused", `Cannot take the order of succession: ${why}`);
  }

  #run(event: ElectionEvent): void {
    this.#options.shell.run((nowMs) =>
      this.#replica.elect(event, nowMs).map((effect) => this.#asPartEffect(effect))
    );
  }

  #asPartEffect(effect: OpenReplicaEffect): PartEffect {
    const { store, journal, shell, domain, desk } = this.#options;
    const { cluster } = domain;
    const act = (act: () => void): PartEffect => ({ type: "act", act });
    switch (effect.type) {
      case "send-election":
        return act(() => {
          const { to, message } = effect;
          shell.send(to, ELECTION_KINDS[message.kind], encodeElection(message), message.kind);
        });
      case "persist-vote":
        return act(() => store.saveVote(this.#checksum, cluster, effect.term, effect.digest));
      case "persist-head":
        return act(() => {
          const { kid, document } = effect.certificate;
          store.saveHead(this.#checksum, cluster, JSON.stringify(document));
          desk.goBy(kid);
        });
      case "call-enclave":
        return act(() => void this.#call(effect));
      case "leader":
        return act(() => {
          const { certificate } = effect;
          journal.leader(certificate, this.term, certificate?.active.length ?? 0);
        });
      case "note":
        return act(() => journal.note(effect.note));
      default:
        return effect;
    }
  }

  async #call(effect: Extract<OpenReplicaEffect, { type: "call-enclave" }>): Promise<void> {
    const { store, domain, shell, journal } = this.#options;
    const { digest, proposal, votes } = effect;
    const failure = await callForCertificate(
      shell,
      proposal.kid,
      votes,
      () => electRequest(store.identity, domain, proposal, votes),
    );
    if (!failure) return;
    if (failure.refused) journal.electionRefused(failure.reason);
    this.#run({ type: "enclave-failed", digest, ...failure });
  }
}

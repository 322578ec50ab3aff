/**
 * The door that certificates come through, whoever sends them: the enclave hosts that this node attests, the desk that judges by the keys
 * which they showed, and the exchange that asks other members for evidence of a key that no host shows any more. What is genuine goes
 * on to the election's part; what waits for evidence is judged again when that is there.
 *
 * The keys that the part is told of, and may vote for as new, are those of the hosts (design §4.4): the desk knows more of them.
 */
import type { Domain } from "../../function/leader-election/rules.ts";
import { hex } from "../base/bytes.ts";
import type { FumataError } from "../base/errors.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import { encodeKeyMessage, KEY_KINDS, type KeyMessage } from "../wire/key_messages.ts";
import { CertificateDesk } from "./certificate_desk.ts";
import { Courts, type CourtsShell } from "./courts.ts";
import { EnclaveHosts } from "./enclave_hosts.ts";
import type { AttestedFunction } from "./enclave_link.ts";
import type { FunctionDescription } from "./function_description.ts";
import type { Journal } from "./journal.ts";
import { keyOfKeptEvidence } from "./kept_evidence.ts";
import { ClusterKindChanged, type NodeOptions } from "./node_options.ts";
import type { StateStore } from "./state_store.ts";

/**
 * How long an enclave host may be out of reach before its key counts as lost, ms. Long against a restart of the host, since a change of
 * key is seen by everyone and for good; short enough that another host takes over while people still look.
 */
const ENCLAVE_PATIENCE_MS = { local: 2_000, lan: 15_000, wan: 60_000 };

/** What the door needs of its node. */
export interface CertificateDoorShell {
  /** What people call a member. */
  nameOf(id: NodeId): string;
  /** Sends a message to a member, if it is one. */
  send(to: NodeId, kind: number, body: Uint8Array, name: string): void;
  /** A certificate is genuine; `from` is absent when this node's own call brought it. */
  certified(certificate: VerifiedCertificate, from: NodeId | undefined): void;
  /** One of the function that this one succeeds is. */
  certifiedEarlier(certificate: VerifiedCertificate): void;
  /** The keys that this node may vote for, and the one that it would propose. */
  keys(kids: readonly string[], preferred: string | undefined): void;
  /** Every host was refused from the start: the node has to end. */
  refused(error: FumataError): void;
  /** Cannot go on. */
  fail(thrown: unknown): void;
}

/** The door of one node. Nothing comes in before {@linkcode CertificateDoor.start}. */
export class CertificateDoor implements AsyncDisposable {
  readonly desk: CertificateDesk;
  /** Which kind of cluster the function was known to serve when the node started. */
  readonly kind: FunctionDescription["kind"];
  readonly #domain: Domain;
  readonly #courts: Courts;
  readonly #journal: Journal;
  readonly #shell: CertificateDoorShell;
  readonly #enclaves: EnclaveHosts;
  #platform?: string;

  constructor(
    domain: Domain,
    options: Pick<NodeOptions, "enclaves" | "profile" | "description">,
    store: StateStore,
    journal: Journal,
    shell: CertificateDoorShell,
  ) {
    this.#domain = domain;
    this.#journal = journal;
    this.#shell = shell;
    this.desk = new CertificateDesk(domain, store, options.description);
    this.kind = this.desk.description?.kind ?? "open";
    this.#enclaves = this.#createEnclaves(options);
    const { description } = this.desk;
    const succeeds = description?.kind === "roster" ? description.config.succeeds : undefined;
    const earlier = succeeds && { checksum: succeeds, cluster: domain.cluster };
    this.#courts = new Courts(
      { domain, desk: this.desk },
      earlier && { domain: earlier, desk: new CertificateDesk(earlier, store) },
      this.#courtsShell(options),
    );
  }

  /** The TEE whose evidence this node verified in this run. */
  get platform(): string | undefined {
    return this.#platform;
  }

  /** Whether this node knows the roster of the function that this one succeeds, because it attested that. */
  get canJudgePredecessor(): boolean {
    return this.#courts.canJudgePredecessor;
  }

  /** Tells the part the keys of earlier runs, and begins to attest the hosts. */
  start(): void {
    this.tellKeys();
    this.#enclaves.start();
  }

  /** Calls the function on a host that holds this key; rejects like {@linkcode EnclaveHosts.call}. */
  call(input: Uint8Array, kid: string): Promise<Uint8Array> {
    return this.#enclaves.call(input, kid);
  }

  /** Verifies a document and passes it on when it holds; whether it does. One that is `from` no member is the answer of the enclave that holds the key `kid`. */
  receive(document: CertificateDocument, from: NodeId | undefined, kid?: string): boolean {
    return this.#courts.receive(document, from, performance.now(), kid);
  }

  /** Takes a message about keys; taking a key writes to the disk. */
  hearKey(sender: NodeId, message: KeyMessage): void {
    try {
      this.#courts.hearKey(sender, message, performance.now());
    } catch (thrown) {
      this.#shell.fail(thrown);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#enclaves[Symbol.asyncDispose]();
  }

  #createEnclaves({ enclaves, profile }: Pick<NodeOptions, "enclaves" | "profile">): EnclaveHosts {
    return new EnclaveHosts(enclaves, ENCLAVE_PATIENCE_MS[profile], {
      attested: (found) => this.#onAttested(found),
      keyLost: (kid, host) => {
        this.#journal.enclaveKeyLost(kid, host);
        this.tellKeys();
      },
      givenUp: (host) => {
        this.#journal.enclaveGivenUp(host);
        this.tellKeys();
      },
      unreachable: (reason, retryMs) => this.#journal.enclaveUnreachable(reason, retryMs),
      // When not all are refused it means that this host is not used.
      refused: (error, isLast) =>
        isLast ? this.#shell.refused(error) : this.#journal.enclaveRefused(error.message),
    });
  }

  #certifiedEarlier(certificate: VerifiedCertificate): void {
    try {
      this.#shell.certifiedEarlier(certificate);
    } catch (thrown) {
      this.#shell.fail(thrown);
    }
  }

  #courtsShell({ enclaves }: Pick<NodeOptions, "enclaves">): CourtsShell {
    const policies = enclaves.flatMap(({ policy }) => policy ?? []);
    return {
      judgeKey: (jwk, evidence, { checksum: functionChecksum }) =>
        keyOfKeptEvidence(jwk, evidence, { policies, functionChecksum, now: new Date() }),
      send: (to, message) => {
        const { kind } = message;
        this.#shell.send(to, KEY_KINDS[kind], encodeKeyMessage(message), kind);
      },
      keyTaken: ({ kid }, from) => this.#journal.keyTaken(kid, this.#shell.nameOf(from)),
      keyRefused: (kid, from, reason) =>
        this.#journal.keyRefused(kid, this.#shell.nameOf(from), reason),
      certified: (certificate, from) => this.#shell.certified(certificate, from),
      certifiedEarlier: (certificate) => this.#certifiedEarlier(certificate),
      waits: (from, isOwn) => {
        this.#journal.certificateWaits(this.#shell.nameOf(from));
        if (isOwn) this.#enclaves.refresh();
      },
      refused: ({ failures }, from, kid) => {
        const sender = from === undefined ? this.#enclaves.nameOf(kid) : this.#shell.nameOf(from);
        this.#journal.certificateRefused(sender, failures);
      },
    };
  }

  #onAttested(found: AttestedFunction): void {
    this.desk.requireSameFunction(found);
    this.#platform = found.evidence.platform;
    try {
      this.desk.admit(found);
    } catch (thrown) {
      return this.#shell.fail(thrown);
    }
    this.#journal.attested(found, hex(this.#domain.checksum));
    if (found.description.kind !== this.kind) {
      return this.#shell.fail(new ClusterKindChanged(found.description));
    }
    this.tellKeys();
    this.#courts.judgeWaiting(performance.now());
  }

  /**
   * Tells the part the keys that it may vote for: the living ones; and those of earlier runs, until it is known which key every host has now: a
   * host that answers late is no lost one.
   */
  tellKeys(): void {
    const { isAttested, isSettled, kids } = this.#enclaves;
    if (isAttested && isSettled) return this.#shell.keys(kids, kids[0]);
    const stored = this.desk.kids;
    this.#shell.keys([...new Set([...kids, ...stored])], kids[0] ?? stored.at(-1));
  }
}

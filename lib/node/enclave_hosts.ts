/**
 * All enclave hosts of one node: a warm attested link to each, and for every call the host that holds the key which the proposal names. A host
 * that is out of reach costs nothing but itself: leases need no enclave, and the other hosts go on.
 *
 * A host's key counts as living from its attestation until the host shows another one, or was out of reach (or refused) for the whole
 * patience. Only when the key of the last certificate lives no more do voters agree to another (design §4.1), so patience is what
 * stands between a short outage and a change of key that everyone can see in the chain.
 */
import type { AttestationPolicy } from "../attestation/types.ts";
import { FumataError } from "../base/errors.ts";
import { type AttestedConnection, type AttestedFunction, EnclaveLink } from "./enclave_link.ts";

/** One host. */
export interface EnclaveHost {
  /** For people: its URL. */
  readonly name: string;
  /** Makes an attested connection to the election function there. */
  readonly connect: () => Promise<AttestedConnection>;
  /** What its evidence has to meet, also when another node kept that; left out: kept evidence is not taken. */
  readonly policy?: AttestationPolicy;
}

/** What the hosts tell. */
export interface EnclaveHostsEvents {
  /** A host was attested; its key is among the living ones by now. */
  attested(found: AttestedFunction): void;
  /** A key lives no more. */
  keyLost(kid: string, host: string): void;
  /** A host was never attested in this run and its patience is over: see {@linkcode EnclaveHosts.isSettled}. */
  givenUp(host: string): void;
  unreachable(reason: string, retryMs: number): void;
  /** A host was refused; `isLast` when every host was, and none was ever attested. */
  refused(error: FumataError, isLast: boolean): void;
}

/** The hosts. */
export class EnclaveHosts implements AsyncDisposable {
  readonly #links: EnclaveLink[];
  readonly #nameOfLink: ReadonlyMap<EnclaveLink, string>;
  readonly #events: EnclaveHostsEvents;
  readonly #refused = new Set<string>();
  #platform?: string;

  /** `patienceMs` is how long a host may be out of reach before its key counts as lost. */
  constructor(hosts: readonly EnclaveHost[], patienceMs: number, events: EnclaveHostsEvents) {
    this.#events = events;
    const links = hosts.map(({ name, connect }) =>
      new EnclaveLink(connect, patienceMs, {
        attested: (found) => this.#onAttested(found),
        keyLost: (kid) => events.keyLost(kid, name),
        givenUp: () => events.givenUp(name),
        unreachable: (reason, retryMs) => events.unreachable(reason, retryMs),
        refused: (error) => this.#onRefused(error, name),
      })
    );
    this.#links = links;
    this.#nameOfLink = new Map(links.map((link, i) => [link, hosts[i].name]));
  }

  /** Whether any host was attested in this run. */
  get isAttested(): boolean {
    return this.#platform !== undefined;
  }

  /**
   * Whether it is known of every host which key it has. Before that a key of an earlier run may still be the key of a host that has not
   * answered yet.
   */
  get isSettled(): boolean {
    return this.#links.every((link) => link.isSettled);
  }

  /** The living keys, in the order of the hosts. */
  get kids(): readonly string[] {
    return [...new Set(this.#links.flatMap(({ kid }) => kid ?? []))];
  }

  /** For people: the hosts that answer calls under this key. */
  nameOf(kid: string | undefined): string {
    const names = this.#links.filter((link) => link.kid === kid)
      .map((link) => this.#nameOfLink.get(link)!);
    return names.length > 0 ? `the enclave at ${names.join(" or ")}` : "the enclave";
  }

  /** Attests all of them and keeps them attested. */
  start(): void {
    for (const link of this.#links) link.start();
  }

  /** Attests anew, because somebody uses a key that is not known here; bounded in each link. */
  refresh(): void {
    for (const link of this.#links) link.refresh();
  }

  /** One call of the function under this key; hosts that share it are tried in their order. Rejects like {@linkcode EnclaveLink.call}. */
  async call(input: Uint8Array, kid: string): Promise<Uint8Array> {
    let failure = new FumataError(
      "unreachable",
      `Cannot call the enclave: no host within reach holds the key ${kid}`,
    );
    for (const link of this.#links.filter((link) => link.kid === kid)) {
      try {
        return await link.call(input, kid);
      } catch (thrown) {
        if (!(thrown instanceof FumataError) || thrown.code === "function") throw thrown;
        failure = thrown;
      }
    }
    throw failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const link of this.#links) await link[Symbol.asyncDispose]();
  }

  /** Platforms are never mixed in one cluster: what one of them proves says nothing about another. */
  #onAttested(found: AttestedFunction): void {
    const { platform } = found.evidence;
    const wanted = this.#platform ??= platform;
    if (platform === wanted) return this.#events.attested(found);
    throw new FumataError(
      "refused",
      `Cannot use this enclave host: its platform is ${platform}, that of the others ${wanted}`,
    );
  }

  #onRefused(error: FumataError, host: string): void {
    this.#refused.add(host);
    this.#events.refused(error, !this.isAttested && this.#refused.size === this.#links.length);
  }
}

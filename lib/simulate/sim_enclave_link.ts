/**
 * How a simulated node reaches its enclaves: evidence for their keys, which count as living for a while after an enclave went out of reach, and
 * calls of the function. Stands for `lib/node/enclave_hosts.ts` and `enclave_link.ts`, which wait and can't be run in virtual time. What a host
 * shows is judged before each call by the rules of the real verifier, as far as they are about what evidence binds.
 */
import { judgeBinding } from "../attestation/common_policy.ts";
import { type Evidence, INSECURE_ANY_MEASUREMENT } from "../attestation/types.ts";
import { utf8 } from "../base/bytes.ts";
import type { Prng } from "../base/prng.ts";
import { certificateOf } from "../node/election_answer.ts";
import type { Act } from "./sim_body.ts";
import type { EnclaveAnswer, Shown, SimEnclave } from "./sim_enclave.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** How often the enclaves are asked for evidence, ms; and how long one may be out of reach before its key counts as lost. */
const ATTEST_MS = 500;
const ENCLAVE_PATIENCE_MS = 2_000;
/** How long a call waits for an answer, ms. */
const CALL_TIMEOUT_MS = 3_000;

/** Evidence is a stand-in here, whose signatures and measurements nobody looks at: what it binds is judged. */
const POLICY = { platform: "simulated", measurements: INSECURE_ANY_MEASUREMENT } as const;
const AT = new Date(0);

/** The link of one process. */
export class SimEnclaveLink {
  readonly #world: World;
  readonly #node: SimNode;
  readonly #prng: Prng;
  #sessions = 0;
  readonly #attestedAnother: () => void;
  readonly #attested = new Map<SimEnclave, { kid: string; lastMs: number }>();

  /** `attested` is called when another key is known. */
  constructor(world: World, node: SimNode, prng: Prng, attested: () => void) {
    this.#world = world;
    this.#attestedAnother = attested;
    this.#node = node;
    this.#prng = prng;
  }

  /** Asks all enclaves for evidence after a while; then again and again, when that while is not 0. */
  attestLater(inMs: number): void {
    this.#node.later(this.#world.nowMs + inMs, () => {
      if (this.#node.isAwake) this.#attest();
      if (inMs > 0) this.attestLater(ATTEST_MS);
    });
  }

  /** The thumbprint of a host's key, if all that it shows is as demanded, by the rules of the real client (`lib/enclave/client/attest.ts`). */
  judge({ binding, key }: Shown, nonce: Uint8Array): string | undefined {
    const { checksum: functionChecksum } = this.#node.function.domain;
    const failures = judgeBinding(binding, POLICY, { at: AT, nonce, functionChecksum });
    return failures.length === 0 && key.kid === binding.certificateKid ? key.kid : undefined;
  }

  /** Of a host within reach: nothing is sent to who does not pass. */
  #kidOf(enclave: SimEnclave): string | undefined {
    if (!this.#reaches(enclave)) return undefined;
    const { place, generation, function: { loaded } } = this.#node;
    // Never said before by anybody; not random, which would change every draw after it.
    const nonce = new Uint8Array(Uint32Array.of(place, generation, this.#sessions++).buffer);
    return this.judge(enclave.show(loaded, nonce), nonce);
  }

  #reaches(enclave: SimEnclave): boolean {
    return enclave.mood !== "down" && !this.#node.isWithoutEnclave;
  }

  #attest(): void {
    const { nowMs, enclaves } = this.#world;
    let isChanged = false;
    for (const enclave of enclaves) {
      const known = this.#attested.get(enclave);
      const kid = this.#kidOf(enclave);
      if (kid !== undefined) {
        this.#attested.set(enclave, { kid, lastMs: nowMs });
        if (known?.kid === kid) continue;
        this.#admit(kid);
        isChanged = true;
      } else if (known && nowMs - known.lastMs > ENCLAVE_PATIENCE_MS) {
        this.#attested.delete(enclave);
        isChanged = true;
      }
    }
    if (!isChanged) return;
    this.tellKeys();
    this.#attestedAnother();
  }

  #admit(kid: string): void {
    const { description } = this.#node.function;
    if (this.#node.desk.kids.includes(kid)) return;
    const key = this.#world.keyOf(kid);
    const evidence: Evidence = { platform: "simulated", document: utf8(kid), endorsements: [] };
    this.#node.desk.admit({ key, evidence, description });
  }

  /** Tells the living keys; before any enclave was attested in this run, those of earlier runs. */
  tellKeys(): void {
    const node = this.#node;
    const attested = [...new Set([...this.#attested.values()].map(({ kid }) => kid))];
    const living = node.liar ? node.liar.knows(attested) : attested;
    const kids = living.length > 0 ? living : node.desk.kids;
    const preferred = living.length > 0 ? living[0] : node.desk.kids.at(-1);
    node.tell((clock) => {
      node.kidsTold = kids;
      return node.body.keys(kids, preferred, clock);
    });
    // When all that follows from the step before is carried out, which takes as long as its saves.
    node.tell(() => {
      node.kidsToldBefore = kids;
      return [];
    });
  }

  /** One call of the function. */
  call(
    { digest, kid, input, votes }: Extract<Act, { type: "call" }>,
  ): void {
    const world = this.#world;
    const fail = (reason: string, refused: boolean) =>
      this.#node.tell((clock) => this.#node.body.callFailed(digest, reason, refused, clock));
    const enclave = world.enclaves.find((known) =>
      this.#attested.get(known)?.kid === kid && this.#kidOf(known) === kid
    );
    const wayMs = 2 + this.#prng.float() * 8;
    if (!enclave) return this.#node.later(world.nowMs + wayMs, () => fail("unreachable", false));
    this.#node.later(world.nowMs + wayMs + enclave.slowMs, () => {
      const answer = this.#kidOf(enclave) === kid
        ? this.#send(enclave, input)
        : { type: "silent" as const };
      const afterMs = answer.type === "silent" ? CALL_TIMEOUT_MS : wayMs;
      this.#node.later(world.nowMs + afterMs, () => {
        switch (answer.type) {
          case "silent":
            return fail("no answer", false);
          case "refused":
            return fail(answer.reason, true);
          case "answer": {
            const document = { certificate: certificateOf(answer.answer), bundle: votes };
            if (this.#node.onDocument(document, undefined)) return;
            return fail("the certificate in the answer does not verify", true);
          }
          default:
            answer satisfies never;
        }
      });
    });
  }
  #send(enclave: SimEnclave, input: Uint8Array): EnclaveAnswer {
    this.#world.input(this.#node, enclave);
    return enclave.call(this.#node.function.loaded, input);
  }
}

/** The courts of a simulated node: the real ones (`lib/node/courts.ts`), with desks, keys and evidence of this world. */
import { fromUtf8 } from "../base/bytes.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import type { NodeId } from "../membership/types.ts";
import type { CertificateDesk } from "../node/certificate_desk.ts";
import { Courts } from "../node/courts.ts";
import type { KeyMessage } from "../wire/key_messages.ts";
import { SimDesk } from "./sim_desk.ts";
import type { SimNode } from "./sim_node.ts";
import type { World } from "./world.ts";

/** What becomes of certificates. */
export interface CourtsUse {
  certified(certificate: VerifiedCertificate, from: NodeId | undefined): void;
  certifiedEarlier(certificate: VerifiedCertificate): void;
  /** A certificate waits for evidence that an enclave may have. */
  attest(): void;
}

/** The courts of one process. */
export class SimCourts {
  readonly desk: CertificateDesk;
  readonly #world: World;
  readonly #node: SimNode;
  readonly #courts: Courts;

  constructor(world: World, node: SimNode, use: CourtsUse) {
    this.#world = world;
    this.#node = node;
    const own = node.function;
    const { disk } = node;
    this.desk = new SimDesk(world, own, disk, own.description);
    const before = world.fetchesClosings ? world.functions[own.number - 1] : undefined;
    this.#courts = new Courts(
      { domain: own.domain, desk: this.desk },
      before && { domain: before.domain, desk: new SimDesk(world, before, disk) },
      {
        judgeKey: (jwk, { document }, domain) => {
          const key = world.keyOfJwk(domain === own.domain ? own : before!, jwk);
          if (typeof key === "string") return key;
          return fromUtf8(document) === key.kid ? key : "it binds another certificate key";
        },
        send: (to, message) => {
          const place = world.nodes.findIndex(({ id }) => id === to);
          if (place >= 0) node.mouth.sendKey(place, message);
        },
        keyTaken: () => {},
        keyRefused: () => {},
        certified: (certificate, from) => use.certified(certificate, from),
        certifiedEarlier: (certificate) => use.certifiedEarlier(certificate),
        waits: (_from, isOwn) => isOwn && use.attest(),
        refused: () => {},
      },
    );
  }

  /** Whether this node attested the function that its own succeeds, and can judge its certificates. */
  get canJudgePredecessor(): boolean {
    return this.#courts.canJudgePredecessor;
  }

  /** Verifies a document and passes it on when it holds; whether it does. */
  receive(document: CertificateDocument, from: NodeId | undefined): boolean {
    return this.#courts.receive(document, from, this.#nowMs);
  }

  /** Takes what a member says of keys. */
  hearKey(sender: NodeId, message: KeyMessage): void {
    if (this.#node.isAwake) this.#courts.hearKey(sender, message, this.#nowMs);
  }

  /** A key was attested: what waited for it is judged. */
  judgeWaiting(): void {
    this.#courts.judgeWaiting(this.#nowMs);
  }

  get #nowMs(): number {
    return this.#node.clock.monotonicMs(this.#world.nowMs);
  }
}

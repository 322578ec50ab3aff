/**
 * The real node's desk of certificates, but what one node of a run has verified in full no other verifies again: the verdict follows from the
 * document and its key alone, and all nodes under one function have the same rules. Refusals are not remembered.
 */
import type { CertificateVerdict } from "../certificate/verify.ts";
import type { CertificateDocument } from "../certificate/types.ts";
import type { RsaJwk } from "../crypto/thumbprint.ts";
import { CertificateDesk } from "../node/certificate_desk.ts";
import type { FunctionDescription } from "../node/function_description.ts";
import type { SimDisk } from "./sim_disk.ts";
import type { SimFunction } from "./sim_function.ts";
import type { World } from "./world.ts";

/** Verdicts by the whole text of what they are about. */
export type Verdicts = Map<string, Extract<CertificateVerdict, { readonly ok: true }>>;

/** The desk of one process. */
export class SimDesk extends CertificateDesk {
  readonly #verdicts: Verdicts;

  /** Without a `description` it judges only what was attested before and is on the disk. */
  constructor(
    world: World,
    own: SimFunction,
    disk: SimDisk,
    description?: FunctionDescription,
  ) {
    super(own.domain, disk, description, (jwk) => world.keyOfJwk(own, jwk as RsaJwk));
    this.#verdicts = own.verdicts;
  }

  /** Verifies a document that has the form of one: other nodes, the enclave and the disk give nothing else. */
  override verify(document: CertificateDocument): CertificateVerdict {
    const text = textOf(document);
    const known = this.#verdicts.get(text);
    if (known && this.keys.has(known.certificate.kid)) return known;
    const verdict = super.verify(document);
    if (verdict.ok) this.#verdicts.set(text, verdict);
    return verdict;
  }
}

function textOf({ certificate, bundle }: CertificateDocument): string {
  return [certificate, ...bundle.map(({ key, signature }) => `${key} ${signature}`)].join("\n");
}

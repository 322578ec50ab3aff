/**
 * Damaged certificates that the enclave's key has signed all the same, so that they get past the signatures: neither verifier throws, and
 * both say the same of each. The seed is fixed; another one is a line to change.
 */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { fromBase64url, fromUtf8, hex } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { isRecord } from "../../lib/base/json.ts";
import {
  type CertificateDocument,
  type CertificatePins,
  verifyCertificate,
} from "../../lib/certificate/mod.ts";
import { changedJson, type Json } from "../fuzz/_mutate.ts";
import { configFields } from "../function/_roster.ts";
import { certificateKey } from "../function/_world.ts";
import { DOMAIN as OPEN_DOMAIN, issue, signJws } from "./_issue.ts";
import { CONFIG, DOMAIN, issueRoster } from "./_issue_roster.ts";
import { foundBy } from "./_standalone.ts";
import { runCases } from "./_standalone_runner.js";

const SEED = 22;
const DOCUMENTS = 600;
/** Of a roster's certificate, for the verifier without dependencies. */
const ROSTER_VOTES_MAX = 64;

const key = certificateKey();
const keys = new Map([[key.kid, key]]);

const KINDS = {
  open: {
    good: issue(),
    pins: { domain: OPEN_DOMAIN, keys } satisfies CertificatePins as CertificatePins,
    alone: { checksum: hex(OPEN_DOMAIN.checksum), cluster: "test", keys: [key.jwk] },
    /** What the other one says of what is genuine, and of the other kind. */
    others: "config",
  },
  roster: {
    good: issueRoster(),
    pins: { domain: DOMAIN, keys, config: CONFIG, allowOpen: false } as CertificatePins,
    alone: {
      checksum: hex(DOMAIN.checksum),
      clusterJson: JSON.stringify(configFields(4, 1)),
      keys: [key.jwk],
    },
    others: "kind",
  },
};

for (const [kind, { good, pins, alone, others }] of Object.entries(KINDS)) {
  Deno.test(`damaged certificates of kind ${kind} that are signed again: both verifiers find the same`, async () => {
    const documents = damaged(good);
    const found = await runCases(documents.map((document) => ({ document, pins: alone })));
    const fates = { ok: 0, document: 0, deeper: 0 };
    for (const [i, document] of documents.entries()) {
      const verdict = verifyCertificate(document, pins);
      const isNone = !verdict.ok &&
        (verdict.failures[0].layer === "structure" ||
          verdict.failures.some(({ check }) => check === others) ||
          isBeyondRosters(kind, document));
      const what = JSON.stringify(document).slice(0, 2_000);
      if (isNone) assert(found[i].startsWith("document: "), `${found[i]}\n${what}`);
      else assertEquals(found[i], foundBy(verdict), what);
      fates[verdict.ok ? "ok" : isNone ? "document" : "deeper"]++;
    }
    assert(fates.document > DOCUMENTS / 4 && fates.deeper > DOCUMENTS / 60, JSON.stringify(fates));
  });
}

/** Copies with changes: in the header or the claims, signed again, or around them. */
function damaged(good: CertificateDocument): CertificateDocument[] {
  const prng = createPrng(SEED);
  const [header, claims] = good.certificate.split(".").slice(0, 2)
    .map((part) => JSON.parse(fromUtf8(fromBase64url(part)!)!) as Json);
  const made: CertificateDocument[] = [];
  while (made.length < DOCUMENTS) {
    const place = prng.below(4);
    const document = place === 0
      ? changedJson(good as unknown as Json, prng) as unknown as CertificateDocument
      : place === 1
      ? { ...good, certificate: signJws(changedJson(header, prng), claims) }
      : { ...good, certificate: signJws(header, changedJson(claims, prng)) };
    if (hasOnlyItsFields(document)) made.push(document);
  }
  return made;
}

/** Fields beyond its own are passed over by the verifier without dependencies: files have keys and evidence beside the certificate. */
function hasOnlyItsFields(document: unknown): boolean {
  const has = (value: unknown, count: number) =>
    !isRecord(value) || Object.keys(value).length <= count;
  const bundle = isRecord(document) ? document.bundle : undefined;
  return has(document, 2) && (!Array.isArray(bundle) || bundle.every((vote) => has(vote, 2)));
}

function isBeyondRosters(kind: string, { bundle }: CertificateDocument): boolean {
  return kind === "roster" && Array.isArray(bundle) && bundle.length > ROSTER_VOTES_MAX;
}

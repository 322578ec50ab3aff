/**
 * The body of `GET /v1/chain`, made once for each change of the chain and not once for each request: it is megabytes of what the database holds,
 * and a node that makes it does nothing else meanwhile, so that strangers who ask for it in a row would cost it its lease. One body is kept
 * for a node, as large as a file for audits may be; its tag is a hash, so who has it already is sent nothing.
 */
import { base64url, utf8 } from "../../base/bytes.ts";
import { EXTRAS_MAX } from "../../certificate/certificate_document.ts";
import { sha256 } from "../../crypto/digest.ts";
import type { Node } from "../../node/node.ts";
import type { StoredKey } from "../../node/state_store.ts";
import type { ApiAnswer } from "../types.ts";

/** Most characters of keys and evidence: with the longest chain (`CHAIN_BYTES_MAX`) they still fit what `fumata audit` reads from a file. */
const EXTRAS_CHARACTERS_MAX = 7 * 1024 * 1024;

interface Made {
  readonly version: string;
  /** `undefined` while there is no certificate. */
  readonly answer: ApiAnswer | undefined;
}

const made = new WeakMap<Node, Made>();

/** Every certificate of a node in a roster cluster with the keys that signed them; `undefined` before the first one. */
export function chainAnswer(node: Node): ApiAnswer | undefined {
  const version = node.chainVersion;
  const held = made.get(node);
  if (held?.version === version) return held.answer;
  const answer = makeAnswer(node);
  made.set(node, { version, answer });
  return answer;
}

function makeAnswer(node: Node): ApiAnswer | undefined {
  const certificates = node.certificates();
  if (certificates.length === 0) return undefined;
  const used = new Set(certificates.map(({ kid }) => kid));
  const checksums = [...new Set(certificates.map(({ checksum }) => checksum))];
  const stored = checksums.flatMap((checksum) => node.enclaveKeys(checksum))
    .filter(({ kid }) => used.has(kid));
  const { keys, evidence } = latest(stored);
  const chain = certificates.map(({ text }) => text).join();
  const bytes = utf8(
    `{"chain":[${chain}],"keys":[${keys.join()}],"evidence":[${evidence.join()}]}\n`,
  );
  return { bytes, contentType: "application/json", tag: base64url(sha256(bytes)) };
}

/** Keys and their evidence as files hold them, the latest ones when there are too many for a file. */
export function extrasOf(stored: readonly StoredKey[]) {
  const { keys, evidence } = latest(stored);
  const parse = (text: string) => JSON.parse(text);
  return { keys: keys.map(parse), evidence: evidence.map(parse) };
}

function latest(stored: readonly StoredKey[]): { keys: string[]; evidence: string[] } {
  const keys: string[] = [];
  const evidence: string[] = [];
  let characters = 0;
  for (const key of stored.slice(-EXTRAS_MAX).reverse()) {
    characters += key.jwk.length + (key.evidence?.length ?? 0);
    if (characters > EXTRAS_CHARACTERS_MAX) break;
    keys.unshift(key.jwk);
    if (key.evidence !== undefined) evidence.unshift(key.evidence);
  }
  return { keys, evidence };
}

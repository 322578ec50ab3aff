/**
 * What a voter of a roster remembers, from the state folder: the memory of its election, and what its first certificate follows. A memory
 * that does not verify counts as lost, and a voter without its memory must not vote (design §4.9).
 */
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import type { Domain } from "../../function/leader-election/rules.ts";
import { base64url, hex } from "../base/bytes.ts";
import { assert, FumataError } from "../base/errors.ts";
import { isRecord } from "../base/json.ts";
import type { CertificateDocument, VerifiedCertificate } from "../certificate/types.ts";
import { rosterCertificate } from "../election/roster/certificate.ts";
import {
  EMPTY_MEMORY,
  type Head,
  type RosterCertificate,
  type RosterMemory,
} from "../election/roster/types.ts";
import type { CertificateDesk } from "./certificate_desk.ts";
import { rosterGenesis } from "./roster_cluster.ts";
import type { StateStore } from "./state_store.ts";

/** The part of a state folder that rosters need. */
export type RosterStore = Pick<StateStore, "folder" | "rosters">;

/** The memory for this function and cluster; promises made under other functions count on. */
export function openRosterMemory(
  store: RosterStore,
  domain: Domain,
  desk: CertificateDesk,
): RosterMemory {
  const histories = store.rosters(domain.cluster);
  const promisedMsMax = histories.reduce(
    (longest, { memory }) => Math.max(longest, parseMemory(store, memory).promisedMsMax),
    0,
  );
  const own = histories.find(({ checksum }) => checksum === hex(domain.checksum));
  if (!own) return { ...EMPTY_MEMORY, promisedMsMax };
  const memory = parseMemory(store, own.memory);
  if (!memory.head) return { ...memory, promisedMsMax };
  const verdict = desk.verify(memory.head.document);
  const head = verdict.ok ? rosterCertificate(verdict.certificate) : undefined;
  if (!head || head.id !== memory.head.id) throw damaged(store);
  desk.goBy(head.proposal.kid);
  return { ...memory, head, promisedMsMax };
}

/** What the first certificate follows; `closing` is the predecessor's last certificate, which the function wants to see. */
export interface Origin extends Head {
  readonly closing?: CertificateDocument;
}

/**
 * What the first certificate follows: genesis, or the closing certificate of the predecessor that this node voted for or received; `undefined`
 * when that is not here yet. A folder with the history of another function that was not closed in favour of this one, and never can be,
 * is refused.
 */
export function rosterOrigin(
  store: RosterStore,
  domain: Domain,
  config: ClusterConfig,
  memory: RosterMemory,
): Origin | undefined {
  // With a certificate of its own there is no first one any more.
  if (memory.head) return { term: memory.head.proposal.term, id: memory.head.id };
  const checksum = hex(domain.checksum);
  const others = store.rosters(domain.cluster).filter((other) => other.checksum !== checksum);
  if (!config.succeeds) {
    if (others.length === 0) return { term: 0, id: rosterGenesis(domain) };
    throw new FumataError(
      "refused",
      `Cannot start under function ${checksum}: the state folder "${store.folder}" holds the ` +
        `history of ${
          others[0].checksum
        }, and this package does not succeed it; use the function ` +
        "that it was made with, or a package with its checksum in succeeds",
    );
  }
  const predecessor = hex(config.succeeds);
  const history = others.find((other) => other.checksum === predecessor);
  const head = history && parseMemory(store, history.memory).head;
  if (head?.proposal.type !== "closing") return undefined;
  if (head.proposal.successor === base64url(domain.checksum)) {
    return { term: head.proposal.term, id: head.id, closing: head.document };
  }
  throw new FumataError(
    "refused",
    `Cannot start under function ${checksum}: the state folder "${store.folder}" holds the ` +
      `history of ${predecessor}, which was not closed in favour of it but of another; start the ` +
      "node with that one",
  );
}

/** What a voter is told that has no {@linkcode rosterOrigin}, and nobody to ask for it. */
export function closingMissing(
  store: RosterStore,
  { checksum, cluster }: Domain,
  { succeeds }: ClusterConfig,
): FumataError {
  const predecessor = succeeds ? hex(succeeds) : "";
  const isHere = store.rosters(cluster).some((history) => history.checksum === predecessor);
  const why = isHere
    ? `the state folder "${store.folder}" holds the history of ${predecessor}, which was not ` +
      'closed in favour of it; run "fumata succession" for that cluster first'
    : `it succeeds ${predecessor}, whose closing certificate is not in the state folder ` +
      `"${store.folder}"; put it there with "fumata succession --import"`;
  return new FumataError("refused", `Cannot start under function ${hex(checksum)}: ${why}`);
}

/** The highest certificate that a folder has of a function, as it stored that. */
export function knownHead(
  store: RosterStore,
  { checksum, cluster }: Domain,
): RosterCertificate | undefined {
  const known = store.rosters(cluster).find((history) => history.checksum === hex(checksum));
  return known && parseMemory(store, known.memory).head;
}

/**
 * Puts the closing certificate of a predecessor, verified in full, where a node would have stored it had it been there. Throws a
 * `FumataError` when this folder knows better: a certificate of that function from the same or a later term.
 */
export function adoptClosing(
  store: RosterStore & Pick<StateStore, "saveRoster">,
  { checksum, cluster }: Domain,
  closing: VerifiedCertificate,
): void {
  const head = rosterCertificate(closing);
  assert(head?.proposal.type === "closing", "only a closing certificate is adopted");
  const known = store.rosters(cluster).find((history) => history.checksum === hex(checksum));
  const memory = known ? parseMemory(store, known.memory) : EMPTY_MEMORY;
  if (memory.head?.id === head.id) return;
  if (memory.head && memory.head.proposal.term >= head.proposal.term) {
    throw new FumataError(
      "refused",
      `Cannot import the closing certificate of term ${head.proposal.term}: the state folder ` +
        `"${store.folder}" has one of term ${memory.head.proposal.term}; keep both as evidence`,
    );
  }
  store.saveRoster(hex(checksum), cluster, JSON.stringify({ ...memory, head }));
}

function parseMemory(store: RosterStore, text: string): RosterMemory {
  let memory: unknown;
  try {
    const stored = JSON.parse(text);
    memory = isRecord(stored) ? { ...EMPTY_MEMORY, ...stored } : undefined;
  } catch {
    throw damaged(store);
  }
  if (!isMemory(memory)) throw damaged(store);
  return memory;
}

/** Whether a stored text is a memory, as far as rules of voting rest on it; certificates in it are verified besides. */
function isMemory(value: unknown): value is RosterMemory {
  if (!isRecord(value)) return false;
  const { head, lastVote, opening, promisedMsMax, incarnation, steppedDown, order, evidence } =
    value;
  return isCount(incarnation) && typeof promisedMsMax === "number" && promisedMsMax >= 0 &&
    Array.isArray(opening) && opening.every(isStatement) &&
    Array.isArray(evidence) && evidence.every(isRecord) &&
    (lastVote === undefined || isVote(lastVote)) &&
    (steppedDown === undefined || typeof steppedDown === "string") &&
    (order === undefined || isRecord(order)) &&
    (head === undefined ||
      isRecord(head) && typeof head.id === "string" && isRecord(head.document) &&
        isRecord(head.proposal) && isCount(head.proposal.term));
}

function isVote(value: unknown): boolean {
  return isRecord(value) && isCount(value.term) && typeof value.digest === "string" &&
    typeof value.prev === "string" &&
    (value.successor === undefined || typeof value.successor === "string");
}

function isStatement(value: unknown): boolean {
  return isRecord(value) && isCount(value.term) && typeof value.prev === "string" &&
    typeof value.voter === "string" && typeof value.signature === "string";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && value as number >= 0;
}

function damaged(store: RosterStore): FumataError {
  return new FumataError(
    "failure",
    `Cannot use the state folder "${store.folder}": what it remembers of the roster's election ` +
      "does not verify, and a voter that forgot its votes must not vote; remove the folder, and " +
      "this voter is lost until the roster changes",
  );
}

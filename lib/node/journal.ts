/**
 * What a node says of itself: every log event of a node with its stable name, its words for people and its fields for programs.
 * Names and fields are an interface (the demo and other programs read them); words are not.
 */
import { type Address, formatAddress, isLoopback } from "../base/address.ts";
import type { Logger, LogLevel } from "../base/log.ts";
import type { VerifiedCertificate } from "../certificate/types.ts";
import { observationWords } from "../election/roster/observations.ts";
import type { Misbehaviour, RosterNote } from "../election/roster/notes.ts";
import type { ForkEvidence, LeaseLoss } from "../election/roster/types.ts";
import type { ElectionNote } from "../election/types.ts";
import type { MemberChange, MembershipReport } from "../membership/types.ts";
import type { AttestedFunction } from "./enclave_link.ts";
import type { KeyringFile } from "./keyring_file.ts";

const MEMBER_WORDS = {
  join: "joined",
  suspect: "does not answer, suspected",
  refute: "is alive after all",
  fail: "failed",
  leave: "left",
  update: "changed its facts",
  flap: "fails and comes back again and again",
  reap: "is forgotten",
} as const satisfies Record<MemberChange["kind"], string>;

/** Changes that are noise unless one looks for them. */
const QUIET: ReadonlySet<MemberChange["kind"]> = new Set(["suspect", "refute", "reap"]);

const MISBEHAVIOUR_WORDS = {
  "proposal-out-of-turn": "proposed in a term in which it does not collect",
  "heartbeat-of-another": "sent a heartbeat under a certificate by which another node leads",
  "step-down-of-another": "stepped down from a certificate by which another node leads",
} as const satisfies Record<Misbehaviour, string>;

/** The journal of one node. */
export class Journal {
  readonly #kids = new Set<string>();
  /** What each voter did that no honest one does. One line for each is enough; a roster and its ways to lie are few. */
  readonly #misbehaved = new Set<string>();
  #leasedTerm?: number;
  #quiet = false;

  constructor(readonly logger: Logger, readonly self: string) {}

  /** From now on the node is leaving, and leaders are no news any more. */
  quiet(): void {
    this.#quiet = true;
  }

  started(name: string, address: Address, cluster: string, folder: string | undefined): void {
    const where = folder === undefined ? "nothing is remembered" : `state in ${folder}`;
    const words = `node ${name} in cluster ${cluster}, id ${this.self}, ${where}`;
    const fields = { id: this.self, name, address: formatAddress(address), cluster };
    this.logger.log("info", "started", words, fields);
  }

  /** Whether gossip can be read on the way; on a loopback address that is no news. */
  sealing(keys: KeyringFile | undefined, bound: Address): void {
    if (!keys) {
      const words = "gossip is signed and not sealed: whoever sees the network can read it; " +
        "--encrypt FILE seals it";
      return this.logger.log(isLoopback(bound.host) ? "info" : "warn", "gossip-readable", words);
    }
    const ids = keys.keyring.map((key) => key.id);
    this.logger.log("info", "gossip-sealed", `gossip is sealed with key ${ids[0]}`, { keys: ids });
    if (keys.isExposed) {
      const words = `others can read the key file ${keys.path}; "chmod 600" it`;
      this.logger.log("warn", "key-file-exposed", words, { path: keys.path });
    }
  }

  keysChanged(ids: readonly string[]): void {
    const words = `gossip is sealed with key ${ids[0]}, ${ids.length} in all`;
    this.logger.log("info", "keys-changed", words, { keys: ids });
  }

  attested({ evidence, key, description }: AttestedFunction, checksum: string): void {
    const { platform } = evidence;
    const { kind, policy } = description;
    const tee = platform === "simulated" ? "simulated TEE (insecure)" : platform;
    const words = `enclave verified: ${tee}, function ${checksum}, policy ${policy}`;
    // Connections are made again now and then; only a key is news.
    const level = this.#kids.has(key.kid) ? "debug" : "info";
    this.#kids.add(key.kid);
    this.logger.log(level, "attested", words, { platform, kid: key.kid, kind, policy, checksum });
  }

  enclaveUnreachable(reason: string, retryMs: number): void {
    const words = `${reason}; gossip goes on, next try in ${retryMs} ms`;
    this.logger.log("warn", "enclave-unreachable", words, { reason, retryMs });
  }

  enclaveKeyLost(kid: string, host: string): void {
    this.#kids.delete(kid);
    const words = `the key ${kid} of the enclave at ${host} counts as lost`;
    this.logger.log("warn", "enclave-key-lost", words, { kid, host });
  }

  enclaveGivenUp(host: string): void {
    const words = `the enclave at ${host} was not attested in time; keys of earlier runs lapse`;
    this.logger.log("warn", "enclave-given-up", words, { host });
  }

  enclaveRefused(reason: string): void {
    this.logger.log("error", "enclave-refused", reason, { reason });
  }

  electionRefused(reason: string): void {
    const words = `the election function refused: ${reason}`;
    this.logger.log("warn", "election-refused", words, { reason });
  }

  certificateRefused(
    from: string,
    failures: readonly { readonly check: string; readonly message: string }[],
  ): void {
    const why = failures.map((failure) => failure.message).join("; ");
    const words = `certificate from ${from} refused: ${why}`;
    this.logger.log("warn", "certificate-refused", words, { from, failures });
  }

  certificateWaits(from: string): void {
    const words = `certificate from ${from} waits for evidence of its key`;
    this.logger.log("debug", "certificate-waits", words, { from });
  }

  /** Another node passed on the evidence of a key that no enclave shows here. */
  keyTaken(kid: string, from: string): void {
    const words = `took the evidence of key ${kid} from ${from}: certificates under it can be read`;
    this.logger.log("info", "key-taken", words, { kid, from });
  }

  keyRefused(kid: string, from: string, reason: string): void {
    const words = `refused the evidence of key ${kid} from ${from}: ${reason}`;
    this.logger.log("warn", "key-refused", words, { kid, from, reason });
  }

  /** Into the chain for auditors, be it news or caught up with. */
  certificateKept({ term, id }: VerifiedCertificate): void {
    this.logger.log("debug", "certificate-kept", `kept certificate ${id} of term ${term}`, {
      term,
      certificateId: id,
    });
  }

  sendFailed(kind: string, to: string, reason: string): void {
    this.logger.log("debug", "send-failed", `${kind} to ${to}: ${reason}`, { kind, to, reason });
  }

  /** `electorate` is how many votes count: those of the roster, or in an open cluster of the nodes that the certificate lists. */
  leader(certificate: VerifiedCertificate | undefined, term: number, electorate: number): void {
    if (this.#quiet) return;
    if (!certificate) {
      const words = "no leader for the present members; electing";
      return this.logger.log("info", "leaderless", words, { term });
    }
    const self = certificate.leader === this.self;
    const who = self
      ? `this node is the leader of term ${certificate.term}`
      : `leader of term ${certificate.term}: ${certificate.leaderName}`;
    const votes = certificate.document.bundle.length;
    const tee = certificate.tee === "simulated" ? ", simulated TEE" : "";
    const words = `${who}, verified (${votes} of ${electorate} votes${tee})`;
    this.logger.log("info", "leader", words, {
      term: certificate.term,
      leader: certificate.leader,
      name: certificate.leaderName,
      self,
      tee: certificate.tee,
      verified: true,
      certificateId: certificate.id,
      votes,
      votesOf: electorate,
      document: certificate.document,
    });
  }

  leaving(): void {
    this.logger.log("info", "leaving", "leaving the cluster");
  }

  left(): void {
    this.logger.log("info", "left", "left the cluster");
  }

  /** Comes with every renewal; only the first one of a certificate is news. */
  leaseHeld(term: number, untilMs: number, nowMs: number): void {
    const fresh = this.#leasedTerm !== term;
    this.#leasedTerm = term;
    const words = `this node holds the lease of term ${term}`;
    // Readers have clocks of their own: what they can use is how much is left.
    const remainingMs = Math.max(0, Math.round(untilMs - nowMs));
    this.logger.log(fresh ? "info" : "debug", "lease-held", words, { term, untilMs, remainingMs });
  }

  leaseLost(why: LeaseLoss): void {
    this.#leasedTerm = undefined;
    this.logger.log("warn", "lease-lost", `the lease is over: ${why}`, { why });
  }

  closed(term: number): void {
    const words = `the electorate is closed since term ${term}; its successor goes on`;
    this.logger.log("warn", "closed", words, { term });
  }

  /** This voter may not vote before it knows how the function before was closed. */
  closingAwaited(predecessor: string, canJudge: boolean): void {
    const way = canJudge
      ? "the other voters are asked for it"
      : "this node never was in that cluster and cannot judge it; it begins with the first " +
        'certificate of the new one, or after "fumata succession --import"';
    const words = `the closing certificate of function ${predecessor} is not in the state ` +
      `folder; ${way}`;
    this.logger.log("warn", "closing-awaited", words, { predecessor, canJudge });
  }

  /** Another voter had it, or a certificate that came after it. */
  closingFound(term: number, isClosing: boolean): void {
    const words = isClosing
      ? `another voter had the closing certificate, of term ${term}; going on from there`
      : `another voter had a certificate of term ${term}, which the closing is behind; going on`;
    this.logger.log("info", "closing-found", words, { term, isClosing });
  }

  /** A voter signed an envelope around something that does not verify. */
  forged(by: string, kind: string): void {
    // Also what an honest voter says under another function, as its predecessor during a succession, or what somebody repeats of that.
    const words =
      `sent a ${kind} that does not verify; it runs another function, is broken or lies`;
    this.#misbehaviour(by, `forged-${kind}`, words);
  }

  #misbehaviour(by: string, how: string, words: string): void {
    const key = `${by} ${how}`;
    if (this.#misbehaved.has(key)) return;
    this.#misbehaved.add(key);
    this.logger.log("warn", "misbehaved", `${by} ${words}`, { by, how });
  }

  /** `nameOf` is what people call a voter. */
  rosterNote(note: RosterNote, nameOf: (id: string) => string): void {
    if (note.what === "observed") {
      const { what, isNews, ...fields } = note;
      const words = observationWords(note, nameOf);
      return this.logger.log(isNews ? "warn" : "debug", what, words, fields);
    }
    if (note.what === "misbehaved") {
      return this.#misbehaviour(
        note.by,
        note.how,
        `${MISBEHAVIOUR_WORDS[note.how]}; it is broken or lies`,
      );
    }
    if (note.what === "liar") {
      const { evidence } = note;
      const who = evidence.type === "votes" ? evidence.liar : evidence.liars.join(", ");
      const words = `proof of a lie in term ${termOf(evidence)} by ${who || "the enclave"}`;
      return this.logger.log("error", "fork-evidence", words, { evidence });
    }
    const words = `election: ${JSON.stringify(note)}`;
    this.logger.log("debug", `election-${note.what}`, words, { ...note });
  }

  member({ kind, member }: MemberChange): void {
    const words = `${member.name} ${MEMBER_WORDS[kind]}`;
    this.logger.log(QUIET.has(kind) ? "debug" : "info", `member-${kind}`, words, {
      id: member.id,
      name: member.name,
      address: formatAddress(member.address),
      state: member.state,
    });
  }

  report(report: MembershipReport): void {
    const [level, words] = reportWords(report);
    this.logger.log(level, report.kind, words, { ...report });
  }

  note(note: ElectionNote): void {
    if (note.what === "too-large") {
      const { active, activeMax } = note;
      const words = `${active} nodes are active, and the function elects among at most ` +
        `${activeMax}: nobody leads until some have gone`;
      return this.logger.log("warn", "election-too-large", words, { active, activeMax });
    }
    this.logger.log("debug", `election-${note.what}`, `election: ${JSON.stringify(note)}`, {
      ...note,
    });
  }
}

function reportWords(report: MembershipReport): [LogLevel, string] {
  switch (report.kind) {
    case "name-conflict":
      return ["warn", `two nodes are called ${report.name}; ${report.keeper} keeps the name`];
    case "own-key-elsewhere":
      return ["error", "another process uses this node's key: was the state folder copied?"];
    case "seeds-unreachable": {
      const seeds = report.seeds.map(formatAddress).join(", ");
      return ["warn", `no answer from ${seeds}; trying on, ever more slowly`];
    }
    case "seed-answered":
      return ["info", `${formatAddress(report.seed)} answered`];
    case "members-full":
      return ["warn", `the view is full with ${report.membersMax} members; more are left out`];
  }
}

function termOf(evidence: ForkEvidence): number {
  return evidence.type === "votes" ? evidence.votes[0].term : evidence.term;
}

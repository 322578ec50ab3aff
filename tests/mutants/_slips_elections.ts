/** Slips in the cores of elections: what an engineer gets wrong who knows the rule (README.md). */
import { type Mutant, mutantsOf } from "./_types.ts";

/** In the core of rosters. */
export const ROSTER_SLIPS: readonly Mutant[] = [
  ...mutantsOf("roster", "lib/election/roster/context.ts", [
    [
      "slip-saves-last",
      "what is stored is stored in its turn, not at the end of the step",
      "    const effects = this.#effects;\n    this.#effects = [];\n    return effects;",
      '    const rank = ({ type }: RosterEffect) => Number(type === "persist");\n    const effects = this.#effects.toSorted((a, b) => rank(a) - rank(b));\n    this.#effects = [];\n    return effects;',
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/voting.ts", [
    [
      "slip-seen-kept",
      "what a collector signed is told of in its own term only",
      "    this.#seen = undefined;\n",
      "",
    ],
    [
      "slip-promise-deadline",
      "whoever of several collectors waits for a promise is woken for",
      '      if (refusedFor === "promise") return this.#context.promises.freeAtMs();',
      '      return refusedFor === "promise" ? this.#context.promises.freeAtMs() : Infinity;',
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/terms.ts", [
    [
      "slip-present-kept",
      "statements about a term are not statements about the next",
      "    this.#present = new Map();\n",
      "",
    ],
    [
      "slip-ahead-forgotten",
      "what was said ahead of a term counts when it opens",
      "      if (statement.term === this.#current) this.#present.set(voter, statement);\n",
      "",
    ],
    [
      "slip-shown-kept",
      "a quorum that was shown about another head opens nothing",
      "    this.#shown = [];\n",
      "",
    ],
    [
      "slip-opening-kept",
      "what opened a term after another head teaches nobody",
      "    this.#opening = [];\n",
      "",
    ],
    [
      "slip-shown-twice",
      "a quorum that is shown counts voters, not statements",
      "voters.size < this.#votesNeeded) return;",
      "statements.length < this.#votesNeeded) return;",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/promises.ts", [
    [
      "slip-promise-one",
      "an earlier promise binds beside a later one",
      "      if (promise.untilMs <= nowMs) this.#running.delete(id);",
      "      if (promise.untilMs <= nowMs + leaseMs) this.#running.delete(id);",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/following.ts", [
    [
      "slip-heard-kept",
      "a new leader has the time of a lease to appear",
      "  restart(nowMs: number): void {\n    this.#heardMs = nowMs;\n",
      "  restart(nowMs: number): void {\n",
    ],
    [
      "slip-early-pushed-on",
      "further heartbeats do not put the answer to the first one off",
      "this.#early.get(sender)?.dueMs ?? nowMs + settings.resendIntervalMs;",
      "nowMs + settings.resendIntervalMs;",
    ],
    [
      "slip-heard-stale",
      "a recorded heartbeat is no sign of life",
      "    if (this.hasSteppedDown()) return;\n    switch",
      "    if (this.hasSteppedDown()) return;\n    this.#heardMs = nowMs;\n    switch",
    ],
    [
      "slip-step-down-older",
      "an older step-down of the leader does not take its last one back",
      "    if (wasThere || leader !== this.#context.leader) this.#stepDowns",
      "    this.#stepDowns",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/heartbeat_log.ts", [
    [
      "slip-log-kept",
      "the count of heartbeats begins anew with each certificate",
      "      this.#incarnation = this.#sequence = -1;\n",
      "",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/lease.ts", [
    [
      "slip-lease-shrinks",
      "acks of an earlier round do not shorten a lease",
      "this.#terms.votesNeeded || untilMs <= this.#untilMs) return false;",
      "this.#terms.votesNeeded) return false;",
    ],
    [
      "slip-lease-creep",
      "clocks are compared with how they stood at the sending",
      "this.#grantedAtOffsetMs = round.clockOffsetMs;",
      "this.#grantedAtOffsetMs = this.#clockOffsetMs;",
    ],
    [
      "slip-lease-offset-stale",
      "a round is compared with the clocks of its own time",
      "    this.#clockOffsetMs = offsetMs;\n",
      "",
    ],
    [
      "slip-lease-overdue",
      "after a clock jump a leader has a lease length to get a lease again",
      "    this.#startMs = nowMs;\n    return byMs;",
      "    return byMs;",
    ],
    [
      "slip-rounds-cap",
      "of too many rounds the oldest goes",
      "this.#rounds.shift();",
      "this.#rounds.pop();",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/leadership.ts", [
    ["slip-echoes-kept", "an echo is sent once", "    this.#echoes.clear();\n", ""],
    [
      "slip-heartbeats-catch-up",
      "after a pause heartbeats are not sent after",
      "this.#heartbeatAtMs = nowMs + settings.heartbeatIntervalMs;",
      "this.#heartbeatAtMs += settings.heartbeatIntervalMs;",
    ],
    [
      "slip-superseded-work",
      "what runs under a lease is told to stop when another leads",
      'end(why: "superseded" | "fail-stop"): void {\n    this.#lose(why);\n    if (this.#phase === "leading") {',
      'end(why: "superseded" | "fail-stop"): void {\n    this.#lose(why);\n    if (why === "fail-stop" && this.#phase === "leading") {',
    ],
    [
      "slip-expiry-late",
      "a lease that ran out is said to be lost at once",
      "const lossMs = this.#isHeld ? this.#lease.untilMs : Infinity;",
      "const lossMs = Infinity;",
    ],
    [
      "slip-jump-waits",
      "after a clock jump a new lease is asked for at once",
      "    this.#heartbeatAtMs = nowMs;\n  }\n\n  /** Something that runs",
      "  }\n\n  /** Something that runs",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/sub_leases.ts", [
    [
      "slip-sub-lease-cap-renewal",
      "a full desk still renews",
      "if (!this.#untilMs.has(id) && this.#untilMs.size",
      "if (this.#untilMs.size",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/office.ts", [
    [
      "slip-office-earlier-run",
      "a restarted leader counts with sub-leases of its earlier run",
      "wasInOffice ? nowMs + context.roster.leaseMs : -Infinity;",
      "wasInOffice && nowMs < 0 ? nowMs + context.roster.leaseMs : -Infinity;",
    ],
    [
      "slip-say-again-kept",
      "a step-down is said again of its own certificate only",
      "    this.#leadership = undefined;\n    this.#sayAgainAtMs = Infinity;\n",
      "    this.#leadership = undefined;\n",
    ],
    [
      "slip-own-promise-kept",
      "a step-down releases the leader's own promise",
      "    promises.release(head.id, self);\n",
      "",
    ],
    [
      "slip-first-offset",
      "the first heartbeat of an office knows how the clocks stand",
      "      clockOffsetMs: this.#clockOffsetMs,\n",
      "",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/roster_election.ts", [
    [
      "slip-pursuit-kept",
      "a new head ends the attempt to get a leader",
      "    this.#pursuit.restart();\n",
      "",
    ],
    [
      "slip-round-kept",
      "a new head ends the round of the collector",
      "    this.#collecting.drop();\n",
      "",
    ],
    [
      "slip-head-order",
      "terms begin after the new head, not the old one",
      "    context.head = headOf(certificate);\n    context.terms.restart(context.head);\n",
      "    context.terms.restart(context.head);\n    context.head = headOf(certificate);\n",
    ],
    [
      "slip-stopped-goes-on",
      "a fail-stop ends the step in which it comes",
      "    if (!this.#context.isStopped) this.#advance(nowMs);\n",
      "    this.#advance(nowMs);\n",
    ],
    [
      "slip-bundle-unseen",
      "the votes of a bundle are looked at for lies",
      "        for (const vote of votes) this.#witness.seeVote({ term: proposal.term, digest, vote });\n",
      "",
    ],
    [
      "slip-seen-unseen",
      "what a gave-up message shows of the collector is looked at for lies",
      "        if (message.seen) this.#witness.seeVote(message.seen);\n",
      "",
    ],
    [
      "slip-vote-unseen",
      "votes that come to the collector are looked at for lies",
      "        this.#witness.seeVote(message);\n",
      "",
    ],
    ["slip-order-second", "the first order counts", "    if (context.order) return;\n", ""],
  ]),
  ...mutantsOf("roster", "lib/election/roster/pursuit.ts", [
    ["slip-back-off-kept", "a new head ends the backing off", "    this.#givenUpInARow = 0;\n", ""],
    [
      "slip-failed-call-other",
      "a call that failed gives its own term up",
      "if (isFirst && this.#context.isCurrent(proposal)) this",
      "if (isFirst && proposal) this",
    ],
    [
      "slip-failed-call-again",
      "an enclave that refuses does not make terms run as fast as it answers",
      "if (isFirst && this.#context.isCurrent(proposal)) this",
      "if ((isFirst || true) && this.#context.isCurrent(proposal)) this",
    ],
    [
      "slip-timeout-promise",
      "the timeout of a term begins when promises are over",
      "this.#termDeadlineMs = Math.max(nowMs, promises.freeAtMs()) + timeoutMs;",
      "this.#termDeadlineMs = Math.max(nowMs, promises.freeAtMs() * 0) + timeoutMs;",
    ],
    [
      "slip-voted-out-own",
      "who voted in this term for this head has not lost it",
      "lastVote.term >= terms.current && lastVote.prev !== head.id;",
      'lastVote.term >= terms.current && head.id !== "";',
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/collecting.ts", [
    [
      "slip-round-of-term",
      "another term begins another round",
      "  restart(): void {\n    this.#round = undefined;\n",
      "  restart(): void {\n",
    ],
    [
      "slip-bundle-of-term",
      "a bundle outlives its term",
      "  restart(): void {\n    this.#round = undefined;\n",
      "  restart(): void {\n    this.#round = undefined;\n    this.#ready = undefined;\n",
    ],
    [
      "slip-retry-running",
      "no second call while one is under way, or after a refusal",
      "if (this.#ready?.callAtMs !== undefined) this.#ready.callAtMs = nowMs;",
      "if (this.#ready) this.#ready.callAtMs = nowMs;",
    ],
    [
      "slip-failed-other",
      "the failure of an earlier call is not that of the present bundle",
      "if (ready?.digest !== digest) return undefined;",
      "if (ready === undefined) return undefined;",
    ],
    [
      "slip-propose-promised",
      "no proposal while the collector's own promise runs",
      "      promises.freeAtMs(),\n      Math.min(view",
      "      -Infinity * promises.freeAtMs() || -Infinity,\n      Math.min(view",
    ],
    [
      "slip-exact-quorum",
      "exactly a quorum that can vote is enough to propose",
      "if (voters < roster.votesNeeded) return undefined;",
      "if (voters <= roster.votesNeeded) return undefined;",
    ],
    [
      "slip-too-few",
      "no proposal to fewer than a quorum",
      "if (voters < roster.votesNeeded) return undefined;",
      "if (voters < 0 * roster.votesNeeded) return undefined;",
    ],
    [
      "slip-incumbent-votes",
      "a leader that is left out still votes",
      "active.length + (incumbent === undefined || active.includes(incumbent) ? 0 : 1);",
      "active.length;",
    ],
    [
      "slip-dead-key",
      "a key that is gone is not proposed",
      "const goesOn = current !== undefined && (kids.has(current) || preferredKid === undefined);",
      "const goesOn = current !== undefined && (kids.has(current) || kids.size >= 0);",
    ],
    [
      "slip-bundle-again",
      "a bundle that came again does not begin anew",
      "this.#ready.proposal.term >= proposal.term) return;",
      "this.#ready.proposal.term > proposal.term) return;",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/witness.ts", [
    [
      "slip-fail-stop-lease",
      "a node that stops for good has no lease any more",
      "    this.#onFailStop();\n    this.#context.isStopped = true;\n",
      "    this.#context.isStopped = true;\n",
    ],
    [
      "slip-own-evidence",
      "a node stops when it is shown two votes of its own in one term",
      '        if (evidence.liar === self) this.failStop("two votes in one term");\n',
      "",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/evidence.ts", [
    [
      "slip-evidence-cap",
      "evidence is kept up to its maximum, and not beyond",
      "if (ofItsKind.length >= max) return undefined;",
      "if (ofItsKind.length > max) return undefined;",
    ],
    [
      "slip-evidence-newest",
      "of too many terms the lowest is forgotten",
      "terms.delete(Math.min(...terms.keys()));",
      "terms.delete(Math.max(...terms.keys()));",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/view_rule.ts", [
    [
      "slip-settle-restarts",
      "every word of gossip does not begin the settle time anew",
      "else if (!this.#heldSinceMs.has(id)) this.#heldSinceMs.set(id, nowMs);",
      "else this.#heldSinceMs.set(id, nowMs);",
    ],
    [
      "slip-suspect-held",
      "a suspect is not held alive",
      'member !== undefined && member.state === "alive" && member.verified &&',
      "member !== undefined && !this.isGone(id) && member.verified &&",
    ],
    [
      "slip-candidates-late",
      "a collector lists whom it has held for half of the settle time",
      "id === this.#self || this.#isHeldFor(id, this.#settleMs / 2, nowMs)",
      "id === this.#self || this.#isHeldFor(id, this.#settleMs, nowMs)",
    ],
    [
      "slip-dead-incumbent",
      "a leader that is gone is forbidden like others",
      'if (!member?.verified || this.isGone(id)) return "forbidden";',
      'if (!isIncumbent && (!member?.verified || this.isGone(id))) return "forbidden";',
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/catch_up.ts", [
    [
      "slip-teach-answered",
      "a term is taught beside a certificate",
      "return this.#may(this.#taughtMs, member, nowMs);",
      "return this.#may(this.#answeredMs, member, nowMs);",
    ],
    [
      "slip-catch-up-starves",
      "who asks too often is answered now and then",
      "    if (nowMs < (lastMs.get(member) ?? -Infinity) + this.#intervalMs) return false;\n    lastMs.set(member, nowMs);\n    return true;",
      "    const mayMs = (lastMs.get(member) ?? -Infinity) + this.#intervalMs;\n    lastMs.set(member, nowMs);\n    return nowMs >= mayMs;",
    ],
  ]),
  ...mutantsOf("roster", "lib/election/roster/closing_search.ts", [
    [
      "slip-search-cap",
      "the wait before asking again has a cap",
      "Math.min(2 * waitMs, AGAIN_MS_MAX)",
      "2 * waitMs",
    ],
  ]),
];

/** In the core of open clusters. */
export const OPEN_SLIPS: readonly Mutant[] = [
  ...mutantsOf("open", "lib/election/open_context.ts", [
    [
      "slip-digests-kept",
      "the digest of a view is that of the present view",
      "    if (held.revision !== revision) held.digests.clear();\n",
      "",
    ],
    [
      "slip-collector-kept",
      "a collector that left is none",
      "    if (left.includes(present.collector)) this.#present = undefined;\n",
      "    if (left.length < 0) this.#present = undefined;\n",
    ],
    [
      "slip-collector-came",
      "who came may be the collector",
      "    else for (const id of entered) present.cameSince.add(id);\n",
      "",
    ],
    [
      "slip-respect-kept",
      "respect is for the present view",
      "if (held?.certificate === certificate && held?.revision === revision) return",
      "if (held && held.certificate === certificate) return",
    ],
  ]),
  ...mutantsOf("open", "lib/election/open_terms.ts", [
    [
      "slip-open-resume",
      "after a restart the term of the last vote is open",
      "this.#current = Math.max(head.term + 1, resumeTerm);",
      "this.#current = Math.max(head.term + 1, resumeTerm * 0);",
    ],
    [
      "slip-open-backwards",
      "a voter's words about later terms are one, also when they come backwards",
      "      if (other > term && term > this.#current && statements.has(voter)) return;\n",
      "",
    ],
    [
      "slip-open-gave-up-later",
      "who gave up a later term gave up this one",
      "if (term >= this.#current && statements.has(voter)) return true;",
      "if (term === this.#current && statements.has(voter)) return true;",
    ],
  ]),
  ...mutantsOf("open", "lib/election/open_round.ts", [
    [
      "slip-open-bundle-kept",
      "another view, term or head ends a bundle",
      "    this.#bundle = undefined;\n",
      "",
    ],
  ]),
  ...mutantsOf("open", "lib/election/open_catch_up.ts", [
    [
      "slip-open-reconsider",
      "a head that was nobody's is looked at again when somebody new is known",
      "    this.#ignored.clear();\n",
      "",
    ],
  ]),
  ...mutantsOf("open", "lib/election/open_election.ts", [
    [
      "slip-open-attempt-kept",
      "another view ends the attempt to elect the one before",
      "settings.settleMs;\n      this.#resetAttempt();\n",
      "settings.settleMs;\n",
    ],
    [
      "slip-open-joined",
      "who has company does not wait for seeds any longer",
      "        this.#graceUntilMs = nowMs;\n",
      "",
    ],
    [
      "slip-open-back-off-kept",
      "a new head ends the backing off",
      "    this.#givenUpInARow = 0;\n",
      "",
    ],
    [
      "slip-open-overdue-kept",
      "another attempt is not overdue from its beginning",
      "  #resetAttempt(): void {\n    this.#isOverdue = false;\n",
      "  #resetAttempt(): void {\n",
    ],
    [
      "slip-open-pending-kept",
      "a new head voids the proposals for the one before",
      "    this.#voting.restart();\n",
      "",
    ],
  ]),
  ...mutantsOf("open", "lib/election/open_view.ts", [
    [
      "slip-open-renamed",
      "another name of a node is another view",
      "      if (was?.name === is?.name) continue;\n",
      "      if (!was === !is) continue;\n",
    ],
  ]),
  ...mutantsOf("open", "lib/node/open_replica.ts", [
    [
      "slip-open-joined-first",
      "a node hears of its company before it hears that it need not wait",
      'return [view, { type: "joined" }];',
      'return [{ type: "joined" }, view];',
    ],
  ]),
];

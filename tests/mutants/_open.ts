/** Mutants of the core of open clusters: heads, votes, terms, the collector's round (design §2, §4). */
import { type Mutant, mutantsOf } from "./_types.ts";

const ROOM = "lib/election";

/** All of them. */
export const OPEN_MUTANTS: readonly Mutant[] = [
  ...mutantsOf("open", `${ROOM}/open_voting.ts`, [
    [
      "open-vote-prev",
      "a vote follows the voter's head",
      `if (proposal.prev !== head.id) return "prev";`,
      "",
    ],
    [
      "open-vote-term-over",
      "a vote in no term that is over",
      `if (proposal.term < term) return "term-over";`,
      "",
    ],
    [
      "open-vote-term-not-open",
      "a vote in no term that is not open",
      `if (proposal.term > term) return "term-not-open";`,
      "",
    ],
    [
      "open-vote-kid",
      "a vote only for a key that the voter verified",
      `if (!kids.has(proposal.kid)) return "kid";`,
      "",
    ],
    [
      "open-vote-view",
      "a vote only for the voter's own view",
      `if (this.#context.digestOf(proposal.kid) !== proposal.digest) return "view";`,
      "",
    ],
    [
      "open-vote-collector",
      "one collector a term",
      `if (this.#context.collector !== sender) return "collector";`,
      "",
    ],
    [
      "open-vote-twice",
      "one vote a term",
      "term > last.term || (term === last.term && digest === last.digest)",
      'term > last.term || (term === last.term && digest !== "")',
    ],
    [
      "open-vote-back",
      "votes never go back",
      "term > last.term || (term === last.term && digest === last.digest)",
      "term !== last.term || digest === last.digest",
    ],
    [
      "open-vote-stored",
      "a vote is stored before it is sent",
      `      context.emit({ type: "persist-vote", term, digest });\n`,
      "",
    ],
    [
      "open-vote-remembered",
      "the last vote only grows",
      "      context.lastVote = { term, digest };\n",
      "",
    ],
  ]),
  ...mutantsOf("open", `${ROOM}/open_election.ts`, [
    [
      "open-accept-lower",
      "heads only grow",
      "if (id === context.head.id || !isGreater(certificate, context.head)) return;",
      "if (id === context.head.id) return;",
    ],
    [
      "open-accept-strangers",
      "a head of nobody that is known is ignored",
      "if (!active.some((id) => view.knows(id) || id === self)) {",
      'if (!active.some((id) => view.knows(id) || id !== "")) {',
    ],
    [
      "open-accept-stored",
      "a head is stored before it is acted on",
      `    context.emit({ type: "persist-head", certificate });\n`,
      "",
    ],
    [
      "open-passed-on",
      "whoever has the certificate passes it on",
      "    if (from === undefined) {\n",
      '    if (from === "") {\n',
    ],
    [
      "open-strangers",
      "only members that are known are heard",
      "if (this.#leaving || !view.knows(sender)) return;",
      "if (this.#leaving) return;",
    ],
    [
      "open-collector-gave-up",
      "nobody waits for a collector that gave up",
      "(this.#voting.isStuck || this.#collectorGaveUp())",
      "this.#voting.isStuck",
    ],
    [
      "open-join-grace",
      "who waits for seeds does not elect alone",
      "return alone ? Math.max(this.#startAtMs, this.#graceUntilMs) : this.#startAtMs;",
      "return alone ? Math.max(this.#startAtMs, 0) : this.#startAtMs;",
    ],
    [
      "open-no-key",
      "without an enclave key nobody gives up",
      "if (this.#isOverdue && mayHelp) this.#giveUp(nowMs);",
      "if (this.#isOverdue && (mayHelp || nowMs > 0)) this.#giveUp(nowMs);",
    ],
  ]),
  ...mutantsOf("open", `${ROOM}/open_context.ts`, [
    [
      "open-restart-vote",
      "the last vote survives a restart",
      "    this.lastVote = lastVote;\n",
      "",
    ],
    [
      "open-restart-head",
      "the head survives a restart",
      "    this.certificate = head;\n",
      "",
    ],
    [
      "open-respect",
      "a certificate is respected by exactly its active set",
      "certificate.active.every((id) => view.isActive(id));",
      "certificate.active.length > 0;",
    ],
    [
      "open-respect-smaller",
      "a certificate of a part of the view is not respected",
      "certificate !== undefined && certificate.active.length === view.size &&",
      "certificate !== undefined &&",
    ],
  ]),
  ...mutantsOf("open", `${ROOM}/open_terms.ts`, [
    [
      "open-term-majority",
      "a majority opens a term",
      "if (voters.size >= votesNeeded) return { givenUp: term, voters: voters.size };",
      "if (voters.size >= votesNeeded - 1) return { givenUp: term, voters: voters.size };",
    ],
    [
      "open-term-strangers",
      "words of who is not in the view open nothing",
      "if (view.isActive(voter)) voters.add(voter);",
      "voters.add(voter);",
    ],
    [
      "open-term-early",
      "a word that comes before its head waits for it",
      "    for (const statement of early) this.note(statement);\n",
      "",
    ],
    [
      "open-term-later",
      "who gave up a later term gave up those before",
      "      for (const voter of statements.keys()) if (view.isActive(voter)) voters.add(voter);\n",
      "      voters.clear();\n      for (const voter of statements.keys()) if (view.isActive(voter)) voters.add(voter);\n",
    ],
    [
      "open-term-forgotten",
      "words of who is not known any more are forgotten",
      "if (!isKnown(voter)) statements.delete(voter);",
      'if (!isKnown(voter) && voter === "") statements.delete(voter);',
    ],
  ]),
  ...mutantsOf("open", `${ROOM}/open_round.ts`, [
    [
      "open-quorum",
      "a majority's votes go to the enclave",
      "votes.size >= this.#context.rules.votesNeeded(proposal.active.length)",
      "votes.size >= this.#context.rules.votesNeeded(proposal.active.length) - 1",
    ],
    [
      "open-round-digest",
      "votes on another digest are not counted",
      "if (round.digest === digest && round.proposal.term === term) round",
      'if (digest !== "" && round.proposal.term === term) round',
    ],
    [
      "open-round-voter",
      "votes of who is not in the view are not counted",
      `if (!round || round.phase !== "gathering" || !this.#context.view.isActive(sender)) return;`,
      `if (!round || round.phase !== "gathering") return;`,
    ],
    [
      "open-bundle-old",
      "a bundle for another head is void",
      "if (proposal.prev !== head.id || proposal.term <= head.term) return;",
      "if (proposal.term <= head.term) return;",
    ],
    [
      "open-delegates",
      "a collector that cannot reach the enclave sends the bundle to all",
      "    this.#context.send(this.#context.others, bundle);\n",
      "    if (bundle.votes.length === 0) this.#context.send(this.#context.others, bundle);\n",
    ],
  ]),
  ...mutantsOf("open", `${ROOM}/open_catch_up.ts`, [
    [
      "open-catch-up",
      "a greater head is fetched",
      `    this.#context.send([from], { kind: "want-certificate", id: head.id });\n`,
      "",
    ],
    [
      "open-ignored-again",
      "what was ignored is not fetched again",
      "    this.#ignored.add(id);\n",
      "",
    ],
    [
      "open-head-id",
      "of two heads of one term the greater id counts",
      "return a.term !== b.term ? a.term > b.term : a.id > b.id;",
      "return a.term > b.term;",
    ],
  ]),
];

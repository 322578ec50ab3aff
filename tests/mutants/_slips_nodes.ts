/** Slips in membership, and in the node around the cores: what an engineer gets wrong who knows the rule (README.md). */
import { type Mutant, mutantsOf } from "./_types.ts";

/** In membership. */
export const MEMBERSHIP_SLIPS: readonly Mutant[] = [
  ...mutantsOf("membership", "lib/membership/judgement.ts", [
    [
      "slip-verdicts-kept",
      "a refutation ends the accusations of the incarnation before",
      "    delete record.left;\n    clearVerdicts(record);\n",
      "    delete record.left;\n",
    ],
    ["slip-left-kept", "who came back has not left", "    delete record.left;\n", ""],
    [
      "slip-accused-again",
      "the same accusation again is no news",
      "    if (before && (before.dead || !dead)) return;\n",
      "",
    ],
    [
      "slip-suspicion-start",
      "the time to refute begins with the suspicion, not with the first rumour",
      "        suspicion.startMs = context.nowMs;\n",
      "",
    ],
    [
      "slip-hearsay-buries",
      "a rumour of too few goes stale and buries nobody",
      'if (record.state !== "suspect") return clearVerdicts(record);',
      "if (!isActive(record)) return clearVerdicts(record);",
    ],
    [
      "slip-own-accused-old",
      "an accusation of an earlier incarnation is refuted already",
      "if (claim.incarnation !== context.incarnation || own.left()) return;",
      "if (claim.incarnation > context.incarnation || own.left()) return;",
    ],
    [
      "slip-accused-self",
      "nobody is accused by itself",
      "claim.accuser === selfId || claim.accuser === claim.subject) return;",
      "claim.accuser === selfId) return;",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/own.ts", [
    [
      "slip-foreign-equal",
      "a node speaks above a claim of its own incarnation that it did not make",
      "if (incarnation >= context.incarnation) raiseTo(incarnation + 1);",
      "if (incarnation > context.incarnation) raiseTo(incarnation + 1);",
    ],
    [
      "slip-refute-later",
      "an accusation soon after a refutation is refuted a little later",
      "      else refuteMs = earliestMs;\n",
      "",
    ],
    [
      "slip-left-refutes",
      "who leaves refutes nothing any more",
      "if (incarnation > INCARNATION_MAX || left) return;",
      "if (incarnation > INCARNATION_MAX) return;",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/probe.ts", [
    [
      "slip-nack-unheard",
      "a relay that said nack is not silent",
      "if (probe?.nonce === nonce) probe.relays.delete(sender);",
      'if (probe?.nonce === nonce) probe.relays.delete("");',
    ],
    [
      "slip-rtt-relayed",
      "an ack through a relay measures no round trip",
      "if (record && !message.proof) {",
      "if (record) {",
    ],
    [
      "slip-pause-probe",
      "a pause is taken out of the probe under way",
      "      probe.endMs += byMs;\n",
      "",
    ],
    [
      "slip-probe-listed",
      "a member that comes back is probed once a round",
      "        listed.add(id);\n",
      "",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/relays.ts", [
    [
      "slip-relay-cap",
      "relays are capped",
      "|| relays.size >= RELAYS_MAX) {",
      "|| relays.size >= 2 * RELAYS_MAX) {",
    ],
    [
      "slip-relay-nack-again",
      "a nack is sent once",
      "          relay.nackMs = Infinity;\n",
      "          relay.nackMs = context.nowMs + settings.indirectTimeoutMs;\n",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/contacts.ts", [
    [
      "slip-contact-again",
      "a nonce is answered once",
      "      contacts.delete(nonce);\n      return contact",
      "      return contact",
    ],
    [
      "slip-contact-late",
      "an answer that comes much too late is none",
      "return contact && !isOver(contact.sentMs) ? contact : undefined;",
      "return contact && contact.sentMs <= context.nowMs ? contact : undefined;",
    ],
    [
      "slip-candidate-again",
      "the same claim again brings no more tries",
      "if (before && before.claim.incarnation >= claim.incarnation) return;",
      "if (before && before.claim.incarnation > claim.incarnation) return;",
    ],
    ["slip-contact-rate", "first words are limited in rate", "      tokens--;\n", ""],
    [
      "slip-candidates-cap",
      "candidates are capped",
      "if (candidates.size < CANDIDATES_MAX) return true;",
      "if (candidates.size < 2 * CANDIDATES_MAX) return true;",
    ],
    [
      "slip-candidate-vouched",
      "who is vouched for later is vouched for",
      "      if (before) before.vouched ||= vouched;\n",
      "",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/reconnect.ts", [
    [
      "slip-seed-answers-once",
      "a seed that answered is news once",
      "      seed.answered = true;\n",
      "",
    ],
    [
      "slip-alone-soon",
      "who is alone again tries its seeds soon",
      "      backoffMs = settings.probeTimeoutMs;\n      rounds = 0;\n      tryNext(",
      "      rounds = 0;\n      tryNext(",
    ],
    [
      "slip-given-up-sought",
      "whom an operator gave up is not looked for",
      "if (address && isSought) dead",
      "if (address) dead",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/sync_schedule.ts", [
    ["slip-sync-under-way", "an exchange that ended is over", "      underWay = undefined;\n", ""],
    [
      "slip-sync-other",
      "an exchange of others ends none of this node's",
      "      if (!asked(address)) return;\n",
      "",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/anti_entropy.ts", [
    [
      "slip-entropy-rest",
      "views are compared when one's own has been at rest",
      "    nextMs = context.nowMs + pauseMs;\n  }\n",
      "  }\n",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/broadcast_queue.ts", [
    [
      "slip-queue-left",
      "a leave takes the place of what was said before it",
      '  if (newer.type === "left" && older.incarnation === newer.incarnation) return true;\n',
      "",
    ],
    [
      "slip-queue-accusers",
      "accusations of different members wait side by side",
      "return accuserOf(newer) === accuserOf(older);",
      "return newer.type === older.type;",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/core.ts", [
    [
      "slip-owed",
      "who speaks as an older incarnation hears what it once signed",
      "    if (ping.incarnation < record.incarnation) owed.push(record.alive);\n",
      "",
    ],
    [
      "slip-pause",
      "a pause of this process is not the silence of others",
      "    for (const part of parts) part.shift(lateMs);\n",
      "",
    ],
    [
      "slip-revive-rate",
      "one who is held for dead is shown its death once an interval",
      "    buried.shownMs = context.nowMs;\n",
      "",
    ],
    [
      "slip-head-untrusted",
      "only members say what their head is",
      "    if (!isTrusted(record)) return;\n    record.digest = digest;\n",
      "    if (!record) return;\n    record.digest = digest;\n",
    ],
    [
      "slip-due-kept",
      "when something is due is found anew after each step",
      "      knownDueMs = undefined;\n",
      '      if (event.type === "tick") knownDueMs = undefined;\n',
    ],
    [
      "slip-sync-stranger",
      "a stranger that pushes its state vouches for nobody",
      "const fromMember = known || sync.asked(address);",
      "const fromMember = known || sync.asked(address) || sender !== undefined;",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/view.ts", [
    [
      "slip-tombstone-kept",
      "who is a member again has no tombstone",
      "      tombstones.delete(record.id);\n",
      "",
    ],
    [
      "slip-tombstones-cap",
      "tombstones are capped",
      "if (tombstones.size >= TOMBSTONES_MAX) tombstones",
      "if (tombstones.size >= 2 * TOMBSTONES_MAX) tombstones",
    ],
  ]),
];

/** In the node around the cores. */
export const NODE_SLIPS: readonly Mutant[] = [
  ...mutantsOf("node", "lib/node/known_keys.ts", [
    [
      "slip-keys-one-pool",
      "keys that were passed on push out none that were attested",
      "      .filter((known) => isAttested(known) === isAttested(next))\n",
      "",
    ],
    [
      "slip-keys-head",
      "the key of the highest certificate stays",
      "before.filter((kid) => kid !== this.headKid)\n",
      "before.filter((kid) => kid !== undefined)\n",
    ],
  ]),
  ...mutantsOf("node", "lib/node/kept_evidence.ts", [
    [
      "slip-kept-binding",
      "kept evidence binds the key that it is shown for",
      "if (accepted && binding.certificateKid === key.kid) return key;",
      "if (accepted && binding.certificateKid) return key;",
    ],
    [
      "slip-kept-future",
      "kept evidence is not judged at a time that has yet to come",
      "const at = own && own < now ? own : now;",
      "const at = own ?? now;",
    ],
  ]),
  ...mutantsOf("node", "lib/node/key_exchange.ts", [
    [
      "slip-answer-again",
      "one answer to each question",
      "    if (!asked?.isOpen) return;\n",
      "    if (!asked) return;\n",
    ],
    [
      "slip-answer-other",
      "an answer is about the key that was asked for",
      "if (key.kid !== asked.kid) return",
      'if (key.kid === "") return',
    ],
  ]),
  ...mutantsOf("node", "lib/node/certificate_desk.ts", [
    [
      "slip-desk-same",
      "a function does not say something else than before",
      "if (!this.#description || isSameFunction(this.#description, description)) return;",
      "if (!this.#description || description) return;",
    ],
    [
      "slip-desk-unused",
      "a key that was passed on has a genuine certificate waiting",
      "      .some(({ document }) => this.#verifyWith(document, keys, tees).ok);",
      "      .some(({ kid }) => keys.has(kid) && tees.has(kid));",
    ],
    [
      "slip-desk-lacks",
      "a certificate with another fault beside its key does not wait",
      'verdict.failures.every((failure) => failure.check === "key");',
      'verdict.failures.some((failure) => failure.check === "key");',
    ],
    [
      "slip-desk-waiting",
      "what was judged waits no longer",
      "    for (const [from] of ready) this.#waiting.delete(from);\n",
      "",
    ],
    [
      "slip-desk-replaced",
      "a member has one certificate waiting, the last",
      "    this.#waiting.delete(from);\n    if (this.#waiting.size",
      "    if (this.#waiting.has(from)) return;\n    if (this.#waiting.size",
    ],
  ]),
  ...mutantsOf("node", "lib/node/closing_voter.ts", [
    [
      "slip-closing-older",
      "of two closings the later counts",
      'if (known?.type === "closing" && term < known.term) return "older";\n',
      "",
    ],
    [
      "slip-closing-for-another",
      "a closing for another function is none for this one",
      "if (roster.successor !== base64url(own.checksum)) return",
      'if (roster.successor === "") return',
    ],
  ]),
  ...mutantsOf("node", "lib/node/roster_memory.ts", [
    [
      "slip-adopt-same-term",
      "a second closing of one term is not taken for the first",
      "if (memory.head && memory.head.proposal.term >= head.proposal.term) {",
      "if (memory.head && memory.head.proposal.term > head.proposal.term) {",
    ],
    [
      "slip-memory-vote",
      "a vote that was stored without its digest counts as damage",
      "(lastVote === undefined || isVote(lastVote)) &&",
      "(lastVote === undefined || isRecord(lastVote)) &&",
    ],
    [
      "slip-memory-key",
      "the key of the stored head is kept",
      "  desk.goBy(head.proposal.kid);\n",
      "",
    ],
  ]),
  ...mutantsOf("node", "lib/node/sub_lease_desk.ts", [
    [
      "slip-desk-holder",
      "two holders of one name never overlap",
      "if (held && held.holder !== holder) {",
      'if (held && holder === "") {',
    ],
    [
      "slip-desk-longer",
      "an earlier, longer grant still binds",
      "Math.max(held?.untilMs ?? 0, this.#granter.nowMs() + grantedMs)",
      "this.#granter.nowMs() + grantedMs",
    ],
    [
      "slip-desk-give-back",
      "nobody gives back what another holds",
      "if (this.#held.get(name)?.holder !== holder) return;",
      "if (!this.#held.has(name)) return;",
    ],
  ]),
  ...mutantsOf("node", "lib/node/step_runner.ts", [
    [
      "slip-runner-nested",
      "a step that an effect sets off waits for the others of its step",
      "    if (this.#isRunning) return;\n",
      "",
    ],
    [
      "slip-runner-timer",
      "a timer that has fired is armed again for the same moment",
      "      this.#armedForMs = undefined;\n      this",
      "      this",
    ],
    [
      "slip-runner-closed",
      "nothing is carried out after the end",
      "          if (this.#isClosed) return;\n",
      "",
    ],
  ]),
  ...mutantsOf("node", "lib/node/source_limit.ts", [
    [
      "slip-flood-refill",
      "a rate is refilled by the time since the last look",
      "  bucket.atMs = nowMs;\n",
      "",
    ],
    [
      "slip-flood-expected",
      "one answer is expected for one question",
      "if (!member && this.#expected.delete(key)) return true;",
      "if (!member && this.#expected.has(key)) return true;",
    ],
  ]),
  ...mutantsOf("node", "lib/node/enclave_link.ts", [
    [
      "slip-link-key",
      "a host that has another key by now is not called",
      "if (kid === wanted) return await",
      "if (kid === wanted || kid) return await",
    ],
    [
      "slip-link-rollback",
      "the key of a host that is refused does not count as living",
      "      this.#kid = before;\n",
      "",
    ],
    [
      "slip-link-settled",
      "a host that is refused is not settled",
      "      this.#isSettled = wasSettled;\n",
      "",
    ],
    [
      "slip-link-down-since",
      "patience begins anew after the host was back",
      "    this.#downSinceMs = undefined;\n",
      "",
    ],
    [
      "slip-link-other-closed",
      "the end of an earlier connection does not end the present one",
      "if (this.#closed || warm?.connection !== connection) return;",
      "if (this.#closed || warm === undefined) return;",
    ],
    [
      "slip-link-key-lost",
      "a key that another one took the place of is lost",
      "    if (before !== undefined && before !== this.#kid) this.#events.keyLost(before);\n",
      "",
    ],
  ]),
  ...mutantsOf("node", "lib/node/enclave_hosts.ts", [
    [
      "slip-hosts-platform",
      "platforms are never mixed",
      "if (platform === wanted) return this",
      "if (platform === wanted || wanted) return this",
    ],
    [
      "slip-hosts-settled",
      "it is known which key every host has",
      "return this.#links.every((link) => link.isSettled);",
      "return this.#links.some((link) => link.isSettled);",
    ],
    [
      "slip-hosts-refused",
      "a function that refuses is not asked on another host",
      'if (!(thrown instanceof FumataError) || thrown.code === "function") throw thrown;',
      "if (!(thrown instanceof FumataError)) throw thrown;",
    ],
  ]),
  ...mutantsOf("node", "lib/node/certificate_door.ts", [
    [
      "slip-door-settled",
      "keys of earlier runs count until every host has answered",
      "if (isAttested && isSettled) return",
      "if (isAttested) return",
    ],
  ]),
  ...mutantsOf("node", "lib/node/roster_voter.ts", [
    [
      "slip-clock-elect",
      "the clocks are read before each event of the election",
      "const effects = this.readClocks(clock);\n    for (const effect of this.#replica.elect(",
      "const effects: RosterVoterEffect[] = [];\n    for (const effect of this.#replica.elect(",
    ],
    [
      "slip-clock-gossip",
      "the clocks are read before each event of gossip",
      "const effects = this.readClocks(clock);\n    for (const effect of this.#replica.gossip(",
      "const effects: RosterVoterEffect[] = [];\n    for (const effect of this.#replica.gossip(",
    ],
  ]),
  ...mutantsOf("node", "lib/node/roster_replica.ts", [
    [
      "slip-leave-hands-over",
      "a leader that leaves steps down first",
      'beforeLeaving: [{ type: "step-down" }],',
      "beforeLeaving: [],",
    ],
  ]),
  ...mutantsOf("node", "lib/node/replica.ts", [
    [
      "slip-head-at-start",
      "gossip carries the remembered head from the first word on",
      '    tellMembership(membership, { type: "head", head: election.head }, nowMs);\n',
      "",
    ],
  ]),
  ...mutantsOf("node", "lib/node/roster_part.ts", [
    [
      "slip-lease-clock",
      "the clocks are read before the lease is told",
      "    this.#options.shell.run((nowMs) => this.#carryOut(this.#voter.readClocks(reading(nowMs))));\n",
      "",
    ],
    [
      "slip-order-other",
      "an order beside an earlier one is refused",
      "(earlier === undefined || earlier === hex(order.successor)\n",
      "(earlier === undefined || earlier.length > 0\n",
    ],
    [
      "slip-head-key",
      "the key of a new head is kept",
      "    if (arrived) desk.goBy(arrived.kid);\n",
      "",
    ],
  ]),
  ...mutantsOf("node", "lib/node/gossip.ts", [
    [
      "slip-head-bytes",
      "a head is read where it stands in its datagram",
      "new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)",
      "new DataView(bytes.buffer).getBigUint64(0)",
    ],
    [
      "slip-head-term",
      "a head beyond all terms is none",
      "  if (term > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;\n",
      "",
    ],
  ]),
  ...mutantsOf("node", "lib/node/courts.ts", [
    [
      "slip-courts-own",
      "a certificate of the predecessor is none of one's own",
      "        if (isOwn) this.#shell.certified(judgement.certificate, from);\n",
      "        if (isOwn || from) this.#shell.certified(judgement.certificate, from);\n",
    ],
    [
      "slip-courts-blind",
      "who never attested the predecessor does not judge it",
      "return this.canJudgePredecessor ? earlier : undefined;",
      "return earlier;",
    ],
    [
      "slip-courts-desk",
      "what waits is judged by the desk that got the key",
      "        this.#judgeWaiting(desk, nowMs);\n",
      "        this.#judgeWaiting(this.#own.desk, nowMs);\n",
    ],
  ]),
  ...mutantsOf("node", "lib/node/chain_store.ts", [
    [
      "slip-chain-newest",
      "of too many certificates the oldest go",
      "WHERE cluster = ?1 ORDER BY term LIMIT 1)",
      "WHERE cluster = ?1 ORDER BY term DESC LIMIT 1)",
    ],
    [
      "slip-chain-cluster",
      "a chain is one cluster's",
      'sum(bytes) AS bytes FROM chain WHERE cluster = ?"',
      'sum(bytes) AS bytes FROM chain WHERE cluster >= ?"',
    ],
  ]),
  ...mutantsOf("node", "lib/node/state_store.ts", [
    [
      "slip-store-together",
      "a vote and a head of an open cluster stand side by side",
      "ON CONFLICT DO UPDATE SET head = excluded.head`",
      "ON CONFLICT DO UPDATE SET head = excluded.head, vote_term = NULL`",
    ],
    [
      "slip-store-nested",
      "what is saved at once is saved whole or not at all",
      '    if (this.#database.isTransaction) return work();\n    try {\n      this.#database.exec("BEGIN IMMEDIATE");',
      '    if (this.#database.isTransaction) this.#database.exec("COMMIT");\n    try {\n      this.#database.exec("BEGIN IMMEDIATE");',
    ],
  ]),
  ...mutantsOf("node", "lib/node/state_file.ts", [
    [
      "slip-state-log-lost",
      "a lost log of a node that was killed is not passed over",
      "if (isOpen && !hasLog) {",
      'if (isOpen && !hasLog && folder === "") {',
    ],
    [
      "slip-state-synchronous",
      "what is saved is on the disk",
      "PRAGMA synchronous = FULL",
      "PRAGMA synchronous = OFF",
    ],
  ]),
  ...mutantsOf("node", "lib/node/succession.ts", [
    [
      "slip-order-cluster",
      "an order is for this cluster",
      "if (cluster !== domain.cluster) {",
      'if (cluster === "") {',
    ],
    [
      "slip-order-checksum",
      "an order closes this function",
      "if (!equalBytes(checksum, domain.checksum)) {",
      "if (checksum.length !== domain.checksum.length) {",
    ],
    [
      "slip-order-self",
      "an order names another function",
      "if (equalBytes(successor, checksum)) return",
      "if (successor === checksum) return",
    ],
    [
      "slip-order-signed",
      "an order is the operator's",
      "return isOrderBy(operatorKey, order) ? undefined :",
      "return isOrderBy(operatorKey, order) || operatorKey ? undefined :",
    ],
  ]),
  ...mutantsOf("node", "lib/node/roster_cluster.ts", [
    [
      "slip-tenure-unbounded",
      "sticky without a bound is without a bound",
      "stickyTenureMax: config.maxTenure || Infinity",
      "stickyTenureMax: config.maxTenure",
    ],
    [
      "slip-request-closing",
      "the first certificate of a successor shows the closing",
      "(prev?.document ?? closing)?.certificate;",
      "(prev?.document ?? (closing && prev?.document))?.certificate;",
    ],
  ]),
  ...mutantsOf("node", "lib/node/election_answer.ts", [
    [
      "slip-answer-refused",
      "an enclave that is out of reach has refused nothing",
      'thrown instanceof FumataError && thrown.code === "function";',
      "thrown instanceof FumataError;",
    ],
    [
      "slip-answer-unverified",
      "an answer that does not verify is a failure",
      "if (shell.onDocument(document, undefined, kid)) return undefined;",
      "if (shell.onDocument(document, undefined, kid) || kid) return undefined;",
    ],
  ]),
  ...mutantsOf("node", "lib/node/sealed_call.ts", [
    [
      "slip-answer-open",
      "an answer that is not sealed to the key of the call is none",
      "  if (opened) return opened;\n",
      "  if (opened || answer.length > 0) return opened ?? answer;\n",
    ],
  ]),
];

/** Mutants of what checks bytes and texts of others: certificates, the election function, messages, membership, memory (design §3, §4.5, §4.6, §5). */
import { type Mutant, mutantsOf } from "./_types.ts";

/** Certificates and who obeys them. */
export const CERTIFICATE_MUTANTS: readonly Mutant[] = [
  ...mutantsOf("certificate", "lib/certificate/verify.ts", [
    [
      "certificate-signature",
      "the certificate is signed by its key",
      "if (!key.verify(signedBytes, signature)) {",
      "if (signature.length === 0) {",
    ],
    [
      "certificate-beacon",
      "the beacon is a signature over prev",
      "if (hasBeacon && !key.verify(beaconInput(domain, claims.prev), claims.beaconSignature)) {",
      "if (hasBeacon && claims.beaconSignature.length === 0) {",
    ],
    [
      "certificate-votes",
      "every vote is a signature over the digest",
      "if (!verifyEd25519(vote.key, message, vote.signature)) {",
      "if (message.length === 0) {",
    ],
    [
      "certificate-key",
      "the key came from evidence",
      "if (!key || key.kid !== kid) {",
      "if (!key) {",
    ],
    [
      "certificate-checksum",
      "it is of the pinned function",
      "if (!equalBytes(claims.checksum, pins.domain.checksum)) {",
      "if (claims.checksum.length === 0) {",
    ],
    [
      "certificate-cluster",
      "it is of the pinned cluster",
      "if (claims.cluster !== pins.domain.cluster) {",
      'if (claims.cluster === "") {',
    ],
    [
      "certificate-tee",
      "its TEE is the one of its key's evidence",
      "if (tee !== undefined && claims.tee !== tee) {",
      'if (tee === "") {',
    ],
    [
      "certificate-open",
      "an open certificate is no fencing token",
      "} else if (pins.allowOpen === false) {",
      '} else if (pins.policy === "weighted") {',
    ],
    [
      "certificate-open-roster",
      "a roster takes no open certificate",
      "  if (pins.config) {\n",
      '  if (pins.config && pins.policy === "weighted") {\n',
    ],
    [
      "certificate-policy",
      "the pinned policy",
      "if (pins.policy !== undefined && isDrawn && claims.policy !== pins.policy) {",
      "if (pins.policy === undefined && isDrawn && claims.term < 0) {",
    ],
  ]),
  ...mutantsOf("certificate", "lib/certificate/roster_checks.ts", [
    [
      "roster-digest",
      "the digest is recomputed",
      "if (!equalBytes(digest, rosterProposalDigest(sha256, domain, proposal))) {",
      "if (digest.length !== 32 || proposal.term < 0) {",
    ],
    [
      "roster-id",
      "the id is recomputed",
      "!equalBytes(claims.id, certificateId(sha256, domain, { term, digest, kid, beacon, leader }))",
      "claims.id.length === 0 || certificateId.length === 0",
    ],
    [
      "roster-draw",
      "the draw is recomputed",
      "if (!equalBytes(leader, drawn.id) || leaderName !== drawn.name) {",
      "if (!equalBytes(leader, leader)) {",
    ],
    [
      "roster-leader-name",
      "the name is the drawn one's",
      "if (!equalBytes(leader, drawn.id) || leaderName !== drawn.name) {",
      "if (!equalBytes(leader, drawn.id)) {",
    ],
    [
      "roster-leader-key",
      "cnf is the leader's key of the roster",
      "} else if (!equalBytes(leaderKey, drawn.key)) {",
      "} else if (leaderKey.length === 0) {",
    ],
    [
      "roster-config",
      "the enclave's cluster.json is the one at hand",
      "if (!equalBytes(claims.config, config.digest)) {",
      "if (claims.config.length === 0) {",
    ],
    [
      "roster-lease",
      "the lease is the package's",
      "if (claims.leaseMs !== leaseMs) {",
      "if (leaseMs < 0) {",
    ],
    [
      "roster-policy",
      "the policy is the package's",
      "if (claims.policy !== config.policy) {",
      "if (claims.policy === undefined) {",
    ],
    [
      "roster-bitmap",
      "the bitmap is over the roster",
      "if (isBitmap(config.roster.length, bitmap)) yield* checkDraw(claims, beacon, config);",
      "if (isBitmap(config.roster.length, bitmap) || bitmap.length > 0) yield* checkDraw(claims, beacon, config);",
    ],
    [
      "roster-incumbent",
      "incumbent and tenure come together",
      "if (hasIncumbent !== tenure > 0) {",
      "if (tenure < 0) {",
    ],
    [
      "roster-genesis",
      "a successor does not begin from nothing",
      "if (config.succeeds && isGenesis(claims)) {",
      "if (config.succeeds && claims.term < 0) {",
    ],
    [
      "closing-order",
      "a closing has the operator's order",
      "else if (!verifyEd25519(operatorKey, successionMessage(domain, successor), claims.order)) {",
      "else if (successionMessage(domain, successor).length === 0) {",
    ],
    [
      "closing-digest",
      "the digest of a closing is recomputed",
      "if (!equalBytes(digest, closingDigest(sha256, domain, term, prev, kid, successor))) {",
      "if (closingDigest(sha256, domain, term, prev, kid, successor).length === 0) {",
    ],
  ]),
  ...mutantsOf("certificate", "lib/certificate/findings.ts", [
    ["bundle-quorum", "q votes", "if (voters.size < needed) {", "if (voters.size < needed - 1) {"],
    [
      "bundle-stranger",
      "votes of strangers spoil the bundle",
      "if (!listed.has(voter)) yield",
      'if (voter === "") yield',
    ],
    [
      "bundle-twice",
      "a second vote of one voter spoils the bundle",
      "else if (voters.has(voter)) yield",
      'else if (voter === "") yield',
    ],
  ]),
  ...mutantsOf("certificate", "lib/certificate/format.ts", [
    [
      "format-json",
      "one certificate has one text",
      "if (!isRecord(value) || JSON.stringify(value) !== text) {",
      "if (!isRecord(value)) {",
    ],
    [
      "format-unknown",
      "unknown claims are refused",
      "return unknown === undefined ? undefined :",
      'return unknown !== "" ? undefined :',
    ],
    [
      "format-sorted",
      "active nodes are sorted without repetition",
      "compareIds(active[i - 1].id, node.id) >= 0",
      "compareIds(active[i - 1].id, node.id) > 1e9",
    ],
    [
      "format-alg",
      "the algorithm is fixed",
      `const HEADER = /^\\{"alg":"RS256",`,
      `const HEADER = /^\\{"alg":"[A-Za-z0-9]+",`,
    ],
  ]),
  ...mutantsOf("certificate", "lib/certificate/fence.ts", [
    [
      "fence-lower",
      "a lower term is over",
      "if (next.term < stored.term) {",
      "if (next.term < 0) {",
    ],
    [
      "fence-fork",
      "another certificate of the same term is a fork",
      "if (next.term === stored.term && next.id !== stored.id) {",
      'if (next.term === stored.term && next.id === "") {',
    ],
    [
      "fence-cluster",
      "fences are of one cluster",
      "if (stored.cluster !== next.cluster) {",
      'if (stored.cluster === "") {',
    ],
  ]),
  ...mutantsOf("certificate", "lib/certificate/audit.ts", [
    [
      "audit-terms",
      "terms grow along the chain",
      "if (after.term <= before.term) {",
      "if (after.term < 0) {",
    ],
    [
      "audit-closed",
      "nobody follows a closing under the same function",
      "if (closed !== undefined) return `it follows a closing",
      'if (closed === "") return `it follows a closing',
    ],
  ]),
];

/** The election function. */
export const FUNCTION_MUTANTS: readonly Mutant[] = [
  ...mutantsOf("function", "function/leader-election/roster_rules.ts", [
    [
      "quorum",
      "q = floor((n + f) / 2) + 1",
      "return Math.floor((voters + faultBound) / 2) + 1;",
      "return Math.floor((voters + faultBound) / 2);",
    ],
    [
      "quorum-f",
      "f counts in the quorum",
      "return Math.floor((voters + faultBound) / 2) + 1;",
      "return Math.floor(voters / 2) + 1 + 0 * faultBound;",
    ],
    [
      "digest-term",
      "D covers the term",
      "const rest = [term, prev, kid, bitmap, incumbent, tenure];",
      "const rest = [0 * term, prev, kid, bitmap, incumbent, tenure];",
    ],
    [
      "digest-prev",
      "D covers prev",
      "const rest = [term, prev, kid, bitmap, incumbent, tenure];",
      "const rest = [term, prev.slice(32), kid, bitmap, incumbent, tenure];",
    ],
    [
      "digest-kid",
      "kid is voted on",
      "const rest = [term, prev, kid, bitmap, incumbent, tenure];",
      "const rest = [term, prev, kid.slice(32), bitmap, incumbent, tenure];",
    ],
    [
      "digest-active",
      "the active set is voted on",
      "const rest = [term, prev, kid, bitmap, incumbent, tenure];",
      "const rest = [term, prev, kid, bitmap.slice(8), incumbent, tenure];",
    ],
    [
      "digest-incumbent",
      "incumbent and tenure are voted on",
      "const rest = [term, prev, kid, bitmap, incumbent, tenure];",
      "const rest = [term, prev, kid, bitmap, incumbent.slice(32), 0 * tenure];",
    ],
    [
      "draw-inactive",
      "only the active are drawn",
      "roster.filter((_, index) => isActive(proposal.bitmap, index))",
      "roster.filter((_, index) => isActive(proposal.bitmap, index) || index === 0)",
    ],
    [
      "draw-tenure",
      "maxTenure bounds sticky",
      "rules.maxTenure === 0 || proposal.tenure < rules.maxTenure",
      "rules.maxTenure >= 0",
    ],
    [
      "draw-weight",
      "one ticket for each unit of weight",
      "for (let k = 1; k < node.weight; k++) {",
      "for (let k = 1; k < node.weight - 1; k++) {",
    ],
    [
      "bitmap-beyond",
      "no bit beyond the roster",
      "export function isBitmap(voters: number, bitmap: Uint8Array): boolean {",
      "export function isBitmap(voters: number, bitmap: Uint8Array): boolean {\n  if (voters > 0) return bitmap.length === Math.ceil(voters / 8);",
    ],
    [
      "ack-message",
      "an ack signs the nonce",
      `return tagged("fumata-lease-ack-v1", domain, certificateId, nonce);`,
      `return tagged("fumata-lease-ack-v1", domain, certificateId, nonce.slice(16));`,
    ],
    [
      "step-down-message",
      "a step-down signs the certificate id",
      `return tagged("fumata-step-down-v1", domain, certificateId);`,
      `return tagged("fumata-step-down-v1", domain, certificateId.slice(32));`,
    ],
  ]),
  ...mutantsOf("function", "function/leader-election/rules.ts", [
    [
      "open-majority",
      "a majority of the active set",
      "return Math.floor(activeNodes / 2) + 1;",
      "return Math.floor(activeNodes / 2);",
    ],
    [
      "tag-domain",
      "everything signed names checksum and cluster",
      "return encodeCbor([tag, domain.checksum, domain.cluster, ...rest]);",
      "return encodeCbor([tag, domain.checksum, ...rest]);",
    ],
    [
      "vote-message-term",
      "a vote signs its term",
      `return tagged("fumata-vote-v1", domain, term, digest);`,
      `return tagged("fumata-vote-v1", domain, 0 * term, digest);`,
    ],
    [
      "gave-up-prev",
      "a gave-up statement names prev",
      `return tagged("fumata-gave-up-v1", domain, prev, term);`,
      `return tagged("fumata-gave-up-v1", domain, prev.slice(32), term);`,
    ],
    [
      "beacon-prev",
      "the beacon is over prev",
      "encodeCbor([domain.checksum, domain.cluster, prev])",
      "encodeCbor([domain.checksum, domain.cluster, prev.slice(32)])",
    ],
    [
      "draw-beacon",
      "the draw depends on the beacon",
      `hash(sha256, "fumata-draw-v1", domain, beacon, node.id),\n      );`,
      `hash(sha256, "fumata-draw-v1", domain, beacon.slice(32), node.id),\n      );`,
    ],
    [
      "least",
      "the least hash wins",
      "if (compareIds(bytes, least) < 0) [best, least] = [item, bytes];",
      "if (compareIds(bytes, least) > 0) [best, least] = [item, bytes];",
    ],
    [
      "names-ports",
      "ports are compared as numbers",
      "return portA - portB || (a < b ? -1 : a > b ? 1 : 0);",
      "return a < b ? -1 : a > b ? 1 : portA - portB;",
    ],
  ]),
  ...mutantsOf("function", "function/leader-election/roster_elect.ts", [
    [
      "elect-quorum",
      "the function counts the votes",
      "if (voters.size < needed) {",
      "if (voters.size < needed - 1) {",
    ],
    [
      "elect-stranger",
      "votes of strangers are refused",
      "refuse(`votes[${i}] is by nobody of the roster`)",
      "roster[0].key",
    ],
    [
      "elect-twice",
      "a second vote of one voter is refused",
      "if (voters.has(text)) refuse(",
      'if (text === "") refuse(',
    ],
    [
      "elect-vote-signature",
      "votes are verified",
      "if (!enclave.verifyEd25519(key, message, signature)) {",
      "if (signature.length === 0 || key.length === 0 || message.length === 0) {",
    ],
    [
      "elect-term",
      "terms grow",
      "if (term <= previousTerm) refuse(",
      "if (term < previousTerm) refuse(",
    ],
    [
      "elect-incumbent",
      "the incumbent is the leader of prev",
      "if (base64url(proposal.incumbent) !== base64url(origin.incumbent)) {",
      "if (origin.term < 0) {",
    ],
    [
      "elect-tenure",
      "the tenure follows from prev",
      "if (proposal.tenure !== origin.tenure) {",
      "if (proposal.tenure < 0) {",
    ],
    [
      "elect-kid",
      "kid is this enclave's key",
      "if (base64url(kid) !== enclave.kid) refuse(",
      'if (enclave.kid === "") refuse(',
    ],
    [
      "close-order",
      "a closing has the operator's order",
      "if (!enclave.verifyEd25519(config.operatorKey, successionMessage(domain, successor), order)) {",
      "if (order.length === 0) {",
    ],
    [
      "close-self",
      "nobody succeeds itself",
      "if (compareIds(successor, domain.checksum) === 0) refuse(",
      "if (successor.length === 0) refuse(",
    ],
  ]),
  ...mutantsOf("function", "function/leader-election/app.ts", [
    [
      "answer-sealed",
      "the answer is for who called",
      "if (!isPlain && reply !== undefined) enclaveHost()",
      'if (!isPlain && reply === "") enclaveHost()',
    ],
  ]),
  ...mutantsOf("function", "function/leader-election/previous.ts", [
    [
      "previous-genesis",
      "a successor does not begin at genesis",
      '    if (config.succeeds) {\n      refuse("prev is genesis',
      '    if (config.succeeds?.length === 0) {\n      refuse("prev is genesis',
    ],
    [
      "previous-successor",
      "a closing names this function",
      "if (claims.successor !== hexOf(domain.checksum)) {",
      'if (claims.successor === "") {',
    ],
    [
      "previous-cluster",
      "prev is of this cluster",
      "if (claims.aud !== cluster) refuse(",
      'if (claims.aud === "") refuse(',
    ],
    [
      "previous-signed",
      "prev under this enclave's key is signed by it",
      "if (base64url(kid) === enclave.kid && !isOwn(enclave, jws)) {",
      'if (base64url(kid) === "" && !isOwn(enclave, jws)) {',
    ],
  ]),
  ...mutantsOf("function", "function/leader-election/cluster_config.ts", [
    [
      "config-bound",
      "n >= 3f + 1",
      "if (roster.length < 3 * faultBound + 1) {",
      "if (roster.length < 2 * faultBound + 1) {",
    ],
    [
      "config-names",
      "no two voters of one name",
      "if (names.has(name)) wrong(",
      'if (name === "") wrong(',
    ],
    [
      "config-keys",
      "no two voters of one key",
      "if (keys.has(key as string)) wrong(",
      'if (key === "") wrong(',
    ],
    [
      "config-weak-key",
      "no weak keys",
      "if (!host.isEd25519Key(bytes)) return wrong(",
      "if (bytes.length < 0) return wrong(",
    ],
  ]),
];

/** Bytes of strangers. */
export const WIRE_MUTANTS: readonly Mutant[] = [
  ...mutantsOf("wire", "lib/wire/roster_fields.ts", [
    [
      "wire-vote",
      "a vote is signed by its voter",
      "if (!isSigned(voter, voteMessage(domain, term, bytesOf(digest)), signature)) return undefined;",
      "",
    ],
    [
      "wire-list",
      "statements and votes in lists are signed",
      "if (!isSigned(voter, message, signature)) return undefined;",
      "",
    ],
    [
      "wire-list-twice",
      "a voter stands once in a list",
      "if (!voter || signed.has(voter) || !isSignature(signature)) return undefined;",
      "if (!voter || !isSignature(signature)) return undefined;",
    ],
    [
      "wire-term",
      "terms stay below 2^53 - 1",
      `typeof value === "number" && value >= 1 && value < TERM_MAX;`,
      `typeof value === "number" && value >= 1;`,
    ],
    [
      "wire-incumbent",
      "an incumbent is in the roster",
      "  if (!voters.some((voter) => voter.id === id)) return undefined;\n",
      "",
    ],
  ]),
  ...mutantsOf("wire", "lib/wire/roster_decoders.ts", [
    [
      "wire-heartbeat",
      "a heartbeat is signed by its sender",
      "if (!isSigned(sender, heartbeatBytes(domain, unsigned), signature)) return undefined;",
      "",
    ],
    [
      "wire-ack",
      "an ack is signed by its sender",
      "if (!isSigned(sender, leaseAckMessage(domain, id, nonce), signature)) return undefined;",
      "",
    ],
    [
      "wire-step-down",
      "a step-down is signed by its leader",
      "if (!isSigned(leader, stepDownMessage(domain, id), signature)) return undefined;",
      "",
    ],
    [
      "wire-bundle",
      "a bundle has q votes",
      "if (!signed || signed.length < door.roster.votesNeeded) return undefined;",
      "if (!signed) return undefined;",
    ],
    [
      "wire-evidence",
      "evidence is two different votes",
      "if (!first || !second || digests[0] === digests[1]) return undefined;",
      "if (!first || !second) return undefined;",
    ],
    [
      "wire-order",
      "an order is signed by the operator",
      "if (!verifyEd25519(operatorKey, successionMessage(domain, successor), signature)) {",
      "if (operatorKey.length === 0) {",
    ],
  ]),
  ...mutantsOf("wire", "lib/wire/roster_messages.ts", [
    [
      "wire-roster",
      "only voters of the roster are read",
      "door.roster.voters.find((voter) => voter.key === key);",
      "door.roster.voters.find((voter) => voter.key === key) ?? door.roster.voters[0];",
    ],
  ]),
  ...mutantsOf("wire", "lib/wire/envelope.ts", [
    [
      "envelope-recipient",
      "a datagram is signed for its recipient",
      "kind, senderKey, recipient, body]);",
      "kind, senderKey, recipient.slice(32), body]);",
    ],
    [
      "envelope-signature",
      "every datagram is signed by its sender",
      `return dropped("signature");`,
      "void 0;",
    ],
    [
      "envelope-cluster",
      "a datagram of another cluster is dropped",
      "return equalBytes(tag, clusterTag(cluster)) ?",
      "return equalBytes(tag, tag) ?",
    ],
    [
      "envelope-length",
      "a datagram has a greatest length",
      `return dropped("too-long");`,
      "void 0;",
    ],
  ]),
  ...mutantsOf("wire", "lib/wire/claims.ts", [
    [
      "claim-signature",
      "a claim is signed by who made it",
      "if (!verifyEd25519(signerKey, signed, signature)) return undefined;",
      "",
    ],
    [
      "claim-tags",
      "one encoding for one set of tags",
      "if (i > 0 && !(key > flat[i - 2])) return undefined;",
      "",
    ],
    [
      "claim-cluster",
      "a claim is of one cluster",
      "cluster, ...fields]);",
      "cluster.slice(64), ...fields]);",
    ],
  ]),
  ...mutantsOf("wire", "lib/wire/sealing.ts", [
    [
      "seal-replay",
      "a datagram opens once",
      `if (channel === "datagram" && sender.window.has(counter)) return dropped("replay");`,
      "",
    ],
    [
      "seal-tag",
      "what does not authenticate is dropped before it counts",
      `if (channel === "datagram") sender.window.add(counter);`,
      "",
    ],
    [
      "seal-flood",
      "made-up salts throw nobody out",
      "if (frame instanceof Uint8Array) {\n",
      "if (frame !== undefined) {\n",
    ],
    [
      "seal-boot",
      "every process seals with a key of its own",
      "return hkdfSha256(secret, salt, ",
      "return hkdfSha256(secret, salt.slice(salt.length), ",
    ],
    [
      "seal-counter",
      "no counter comes twice under one key",
      "const counter = own.counter++;",
      "const counter = own.counter;",
    ],
    [
      "seal-rotation",
      "a new primary key seals from then on",
      "if (changesPrimary) own = createOwnKey(keys, randomSalt());",
      "",
    ],
    [
      "seal-removed",
      "a removed key opens nothing",
      "      keys = keyring;\n",
      "      keys = [...keyring, ...keys.slice(0)] as unknown as Keyring;\n",
    ],
    [
      "seal-cluster",
      "a key seals for one cluster",
      "const context = utf8(`fumata-seal-v1\\0${cluster}\\0`);",
      "const context = utf8(`fumata-seal-v1\\0${cluster.slice(64)}\\0`);",
    ],
  ]),
  ...mutantsOf("wire", "lib/wire/gossip_messages.ts", [
    [
      "ack-proof",
      "an ack through a relay is the subject's signature",
      "return verifyEd25519(subjectKey, signed, signature) ? proof : undefined;",
      "return signed.length > 0 ? proof : undefined;",
    ],
    [
      "claims-condemn",
      "one bad claim condemns the datagram",
      `if (!claim) return dropped("claim");`,
      "if (!claim) continue;",
    ],
  ]),
];

/** Membership against liars. */
export const MEMBERSHIP_MUTANTS: readonly Mutant[] = [
  ...mutantsOf("membership", "lib/membership/judgement.ts", [
    [
      "alive-older",
      "an older claim changes nothing",
      "if (claim.incarnation <= held) return;",
      "if (claim.incarnation < held) return;",
    ],
    [
      "alive-jump",
      "incarnation jumps are capped",
      "if (held >= 0 && claim.incarnation > held + INCARNATION_JUMP_MAX) return;",
      "",
    ],
    [
      "alive-nonce",
      "a dead or moved member answers a nonce first",
      "record?.verified && isActive(record) && sameAddress(record.alive.address, claim.address)",
      "record !== undefined",
    ],
    [
      "alive-moved",
      "a new address answers a nonce first",
      "isActive(record) && sameAddress(record.alive.address, claim.address)",
      "isActive(record)",
    ],
    [
      "alive-strangers",
      "strangers introduce themselves only",
      "if (held < 0 && !heard.fromMember && heard.sender !== claim.subject) return;",
      "",
    ],
    [
      "accuse-incarnation",
      "an accusation is for the present incarnation",
      "if (!record || claim.incarnation !== record.incarnation || !isActive(record)) return;",
      "if (!record || !isActive(record)) return;",
    ],
    [
      "accuse-roster",
      "only voters of the roster accuse",
      "  if (options.roster && !options.roster.ids.has(accuser)) return false;\n",
      "",
    ],
    [
      "accuse-member",
      "only members accuse",
      "    return record !== undefined && isActive(record);\n  }\n\n  /** Draws",
      "    return record === undefined || isActive(record);\n  }\n\n  /** Draws",
    ],
    [
      "accuse-f",
      "f + 1 accusers",
      "options.roster ? options.roster.faultBound + 1 : 1;",
      "options.roster ? options.roster.faultBound : 1;",
    ],
    [
      "accuse-full-state",
      "a burial in a full state counts as a suspicion",
      `const dead = claim.type === "dead" && !heard.fullState;`,
      `const dead = claim.type === "dead";`,
    ],
    [
      "accuse-cap",
      "accusers are capped",
      "    if (!before && record.verdicts.size >= ACCUSERS_MAX) return;\n",
      "",
    ],
    [
      "left-jump",
      "the jump of a leave is capped",
      "if (claim.incarnation > record.incarnation + INCARNATION_JUMP_MAX) return;",
      "",
    ],
    ["own-refute", "a node refutes", "    own.refute();\n", ""],
    [
      "own-elsewhere",
      "a claim of one's own key that one did not make is reported",
      "if (claim.incarnation > incarnation || !sameBytes(claim.encoded, mine.encoded)) {",
      "if (mine === undefined) {",
    ],
    [
      "buried",
      "tombstones are newer than old claims",
      "if (!buried || claim.incarnation > buried.incarnation) admit(claim, isNews);",
      "if (!buried || claim.incarnation >= 0) admit(claim, isNews);",
    ],
    [
      "members-cap",
      "members are capped",
      "if (view.size() >= MEMBERS_MAX) {",
      "if (view.size() >= 2 * MEMBERS_MAX) {",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/core.ts", [
    [
      "answer-size",
      "no unverified address gets an answer larger than its request",
      "sizes.find((answer) => messageBytes(answer) <= datagramBytes)",
      "sizes.find((answer) => messageBytes(answer) <= 2 * datagramBytes)",
    ],
    [
      "answer-address",
      "full answers go to a proven address",
      "if (isTrusted(record) && sameAddress(record.alive.address, source)) {",
      "if (isTrusted(record)) {",
    ],
    [
      "answer-relay",
      "strangers get nothing relayed",
      "    if (prober !== undefined) return;\n",
      "",
    ],
    [
      "ack-other",
      "an answer counts for whom it was asked",
      "if (!contact || (contact.id !== undefined && contact.id !== sender)) return;",
      "if (!contact) return;",
    ],
    [
      "ack-address",
      "an answer proves the address that was asked",
      "if (candidate && sameAddress(candidate.claim.address, contact.address)) {",
      "if (candidate) {",
    ],
    [
      "relay-trusted",
      "only members may ask for relays",
      "if (isTrusted(record)) relays.requested",
      "if (record) relays.requested",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/probe.ts", [
    [
      "probe-nonce",
      "an ack names the nonce of the probe",
      "if (probe?.nonce !== message.nonce || probe.target !== message.subject) return false;",
      "if (probe?.target !== message.subject) return false;",
    ],
    [
      "probe-subject",
      "an ack is by the probed",
      "if (probe?.nonce !== message.nonce || probe.target !== message.subject) return false;",
      "if (probe?.nonce !== message.nonce) return false;",
    ],
    [
      "probe-proof",
      "a proof is for this prober",
      "if (message.proof && message.proof.prober !== options.self.id) return false;",
      "",
    ],
    [
      "probe-indirect",
      "others are asked before a member is accused",
      "if (probe && probe.indirectMs <= nowMs) askOthers(probe);",
      "if (probe && probe.indirectMs <= nowMs) probe.indirectMs = Infinity;",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/relays.ts", [
    [
      "relay-target",
      "a relayed ack is of the target",
      "if (!relay || relay.target !== subject) return false;",
      "if (!relay) return false;",
    ],
    [
      "relay-nack",
      "who could not reach the target says so",
      "          nack(relay.origin, relay.nonce);\n",
      "",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/suspicion.ts", [
    [
      "suspicion-shrinks",
      "the timeout shrinks with confirmations",
      "(bounds.maxMs - bounds.minMs) * share",
      "(bounds.maxMs - bounds.minMs) * 0 * share",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/health.ts", [
    [
      "health-multiplier",
      "a node that is slow itself waits longer before it accuses",
      "multiplier: () => score + 1,",
      "multiplier: () => 0 * score + 1,",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/broadcast_queue.ts", [
    [
      "gossip-retransmits",
      "a claim is passed on lambda log n times",
      "if (waiting.sent + 1 >= limit) remove(waiting);",
      "if (waiting.sent + 2 >= limit) remove(waiting);",
    ],
    [
      "gossip-forever",
      "a claim is passed on so often only",
      "if (waiting.sent + 1 >= limit) remove(waiting);",
      "if (waiting.sent + 1 >= 100 * limit) remove(waiting);",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/reconnect.ts", [
    [
      "reconnect-dead",
      "the dead are tried now and then",
      "tryNext([...theDead(), ...openSeeds()]);",
      "tryNext([...theDead().slice(0, 0), ...openSeeds()]);",
    ],
    [
      "reconnect-seeds",
      "seeds that do not answer are tried again",
      "tryNext([...theDead(), ...openSeeds()]);",
      "tryNext([...theDead(), ...openSeeds().slice(0, 0)]);",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/sync_schedule.ts", [
    [
      "sync-periodic",
      "full states are exchanged now and then",
      "if (partner) start(partner.alive.address);",
      "if (partner && !everDone) start(partner.alive.address);",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/leaving.ts", [
    [
      "leave-told",
      "who leaves waits until others know",
      "const told = confirmed.size >= needed && context.queue.size() === 0;",
      "const told = confirmed.size >= 0 * needed;",
    ],
  ]),
  ...mutantsOf("membership", "lib/membership/own.ts", [
    [
      "own-stored",
      "a raised incarnation is stored before it is sent",
      `    context.effects.push({ type: "persist-incarnation", incarnation });\n`,
      "",
    ],
    [
      "own-above",
      "a process starts above its last incarnation",
      "start: () => raiseTo(options.lastIncarnation + 1),",
      "start: () => raiseTo(Math.max(0, options.lastIncarnation)),",
    ],
  ]),
];

/** What a voter finds in its state folder, and the door of its datagrams. */
export const NODE_MUTANTS: readonly Mutant[] = [
  ...mutantsOf("node", "lib/node/state_file.ts", [
    [
      "state-lock",
      "one process in a folder",
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA",
      "PRAGMA locking_mode = NORMAL; PRAGMA",
    ],
  ]),
  ...mutantsOf("node", "lib/node/mailbox.ts", [
    [
      "seal-first",
      "with a cluster key nothing is heard that is not sealed",
      "if (this.#sealer) return this.#sealer.open(channel, sealed);",
      "if (this.#sealer && isSealed(sealed)) return this.#sealer.open(channel, sealed);",
    ],
  ]),
  ...mutantsOf("node", "lib/node/roster_memory.ts", [
    [
      "memory-promise",
      "promises made under another checksum count on",
      "  if (!own) return { ...EMPTY_MEMORY, promisedMsMax };\n",
      "  if (!own) return { ...EMPTY_MEMORY, promisedMsMax: 0 * promisedMsMax };\n",
    ],
    [
      "memory-head",
      "a stored certificate that does not verify counts as lost",
      "if (!head || head.id !== memory.head.id) throw damaged(store);",
      "if (!head) return { ...memory, promisedMsMax };",
    ],
    [
      "memory-closed",
      "another checksum needs the closing certificate",
      'if (head?.proposal.type !== "closing") return undefined;',
      'if (head?.proposal.type !== "closing") return { term: 0, id: rosterGenesis(domain) };',
    ],
    [
      "memory-other",
      "a folder of another function is refused",
      "if (others.length === 0) return { term: 0, id: rosterGenesis(domain) };",
      "if (others.length >= 0) return { term: 0, id: rosterGenesis(domain) };",
    ],
    [
      "memory-successor",
      "the closing names this function",
      "if (head.proposal.successor === base64url(domain.checksum)) {",
      'if (head.proposal.successor !== "") {',
    ],
  ]),
];

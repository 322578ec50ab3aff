/** Slips in what judges certificates, here and in the enclave: what an engineer gets wrong who knows the rule (README.md). */
import { type Mutant, mutantsOf } from "./_types.ts";

/** In what judges certificates, the verifier without dependencies included. */
export const CERTIFICATE_SLIPS: readonly Mutant[] = [
  ...mutantsOf("certificate", "lib/certificate/verify.ts", [
    [
      "slip-vote-any-key",
      "a vote is signed by the very voter that it names",
      "if (!verifyEd25519(vote.key, message, vote.signature)) {",
      "if (!bundle.some(({ key }) => verifyEd25519(key, message, vote.signature))) {",
    ],
    [
      "slip-first-vote",
      "the first vote of a bundle is read like the others",
      "if (brokenVote >= 0) {",
      "if (brokenVote > 0) {",
    ],
  ]),
  ...mutantsOf("certificate", "lib/certificate/open_checks.ts", [
    [
      "slip-open-leader-key",
      "cnf of an open certificate is the leader's key",
      "if (!equalBytes(leader, thumbprint(ed25519Jwk(claims.leaderKey)))) {",
      "if (thumbprint(ed25519Jwk(claims.leaderKey)).length !== leader.length) {",
    ],
    [
      "slip-open-draw",
      "the draw of an open certificate is recomputed",
      "if (!equalBytes(leader, drawn.id) || claims.leaderName !== drawn.name) {",
      "if (claims.leaderName !== drawn.name) {",
    ],
    [
      "slip-open-electorate",
      "the majority of an open certificate is one of all whom it lists",
      'openVotesNeeded(active.length), "active");',
      'openVotesNeeded(bundle.length), "active");',
    ],
  ]),
  ...mutantsOf("certificate", "lib/certificate/roster_checks.ts", [
    [
      "slip-closing-id",
      "the id of a closing is recomputed",
      "if (!equalBytes(claims.id, closingCertificateId(sha256, domain, { term, digest, kid }))) {",
      "if (closingCertificateId(sha256, domain, { term, digest, kid }).length !== claims.id.length) {",
    ],
    [
      "slip-closing-genesis",
      "a successor does not close from nothing",
      "  yield* checkConfig(claims, config);\n  yield* checkGenesis(claims, config);\n",
      "  yield* checkConfig(claims, config);\n",
    ],
    [
      "slip-closing-config",
      "a closing is of the cluster.json at hand",
      "  yield* checkConfig(claims, config);\n  yield* checkGenesis(claims, config);\n",
      "  yield* checkGenesis(claims, config);\n",
    ],
    [
      "slip-closing-votes",
      "a closing has q votes",
      `    yield ["order", "the order is not the operator's signature for this successor"];\n  }\n  yield* checkVotes(bundle, config);\n`,
      `    yield ["order", "the order is not the operator's signature for this successor"];\n  }\n`,
    ],
  ]),
  ...mutantsOf("certificate", "lib/certificate/audit.ts", [
    [
      "slip-audit-succeeds",
      "a function goes on from the one that it succeeds",
      "if (!succeeds || !equalBytes(succeeds, prev.pins.domain.checksum)) {",
      "if (!succeeds) {",
    ],
    [
      "slip-audit-unclosed",
      "a function that goes on was closed",
      "if (closed === undefined) {",
      'if (closed === "") {',
    ],
    [
      "slip-audit-fork",
      "two certificates of one term are a fork",
      "return other?.term === term\n",
      "return other !== undefined && other.term > term\n",
    ],
    [
      "slip-audit-stray",
      "what is off the chain has to follow from its prev, too",
      "return message === undefined ? [] : [{ term, id, message }];",
      "return message === undefined || term > 0 ? [] : [{ term, id, message }];",
    ],
    [
      "slip-audit-never-led",
      "who has no later certificate above it may have led",
      "return segment[0].certificate.term > term && reaches;",
      "return segment[0].certificate.term >= term && reaches;",
    ],
    [
      "slip-audit-reaches",
      "a broken chain hides whether somebody led",
      "return segment[0].certificate.term > term && reaches;",
      "return segment[0].certificate.term > term || reaches;",
    ],
    [
      "slip-audit-key-change",
      "another function's key is no change of key",
      "const isChange = from !== to && chain[i].checksum === entry.checksum;",
      "const isChange = from !== to;",
    ],
  ]),
  ...mutantsOf("certificate", "lib/certificate/fence.ts", [
    [
      "slip-fence-min",
      "the least term that is wanted is enough",
      "if (min !== undefined && next.term < min) {",
      "if (min !== undefined && next.term <= min) {",
    ],
    [
      "slip-fence-zero",
      "no fence of term 0",
      "Number(term) < 1) return",
      "Number(term) < 0) return",
    ],
  ]),
  ...mutantsOf("certificate", "lib/certificate/format.ts", [
    ["slip-format-term", "terms begin with 1", "term: isWhole(1),", "term: isWhole(0),"],
  ]),
  ...mutantsOf("certificate", "lib/certificate/standalone/fumata_verify.js", [
    [
      "slip-alone-vote",
      "standalone: every vote is a signature over the digest",
      "if (await verifyEd25519(key, message, signature)) continue;",
      "if (verifyEd25519(key, message, signature)) continue;",
    ],
    [
      "slip-alone-any-key",
      "standalone: a vote is signed by the very voter that it names",
      "    if (await verifyEd25519(key, message, signature)) continue;\n",
      "    if (await verifyEd25519(key, message, signature)) continue;\n    const by = await Promise.all(read.votes.map((one) => verifyEd25519(one.key, message, signature)));\n    if (by.includes(true)) continue;\n",
    ],
    [
      "slip-alone-quorum",
      "standalone: q votes",
      "if (voters.size < needed) {",
      "if (voters.size + 1 < needed) {",
    ],
    [
      "slip-alone-twice",
      "standalone: a voter votes once",
      "} else if (voters.has(voter)) {",
      '} else if (voter === "") {',
    ],
    [
      "slip-alone-bitmap",
      "standalone: no bit beyond the roster",
      "(isWholeBytes || bitmap[bitmap.length - 1] >> voters % 8 === 0);",
      "(isWholeBytes || bitmap.length > 0);",
    ],
    [
      "slip-alone-tenure",
      "standalone: maxTenure bounds sticky",
      "config.maxTenure === 0 || tenure < config.maxTenure;",
      "config.maxTenure === 0 || tenure <= config.maxTenure;",
    ],
    [
      "slip-alone-exponent",
      "standalone: e = 65537",
      'if (kty !== "RSA" || e !== "AQAB" || typeof n',
      'if (kty !== "RSA" || typeof n',
    ],
  ]),
];

/** In the election function. */
export const FUNCTION_SLIPS: readonly Mutant[] = [
  ...mutantsOf("function", "function/leader-election/elect.ts", [
    [
      "slip-elect-caller",
      "who calls for an open election proves who it is",
      '  checkSignature(enclave, caller, callMessage(domain, digest), "elect.caller");\n',
      "",
    ],
    [
      "slip-elect-twice",
      "two votes of one node are refused",
      'if (voters.size !== votes.length) refuse("elect.votes has two votes by one node");',
      "void voters;",
    ],
    [
      "slip-elect-last-vote",
      "the last vote of an open election is verified, too",
      "  votes.forEach((vote, i) => checkSignature",
      "  votes.slice(0, -1).forEach((vote, i) => checkSignature",
    ],
    [
      "slip-elect-order",
      "the active of an open election are sorted",
      "if (order < 0) refuse(",
      "if (order < -1e9) refuse(",
    ],
  ]),
  ...mutantsOf("function", "function/leader-election/fields.ts", [
    [
      "slip-fields-unknown",
      "no unknown fields",
      "if (unknown !== undefined) refuse(`${where} has an unknown",
      "if (unknown !== undefined && where.length === 0) refuse(`${where} has an unknown",
    ],
    [
      "slip-fields-max",
      "lists up to their maximum, and no longer",
      "if (value.length > max) refuse(",
      "if (value.length > max + 1) refuse(",
    ],
    [
      "slip-fields-full",
      "a list at its maximum",
      "if (value.length > max) refuse(",
      "if (value.length >= max && max > 1) refuse(",
    ],
  ]),
  ...mutantsOf("function", "function/leader-election/roster_rules.ts", [
    [
      "slip-tenure-bound",
      "maxTenure certificates in a row, and not one more",
      "rules.maxTenure === 0 || proposal.tenure < rules.maxTenure;",
      "rules.maxTenure === 0 || proposal.tenure <= rules.maxTenure;",
    ],
    [
      "slip-sticky-absent",
      "only an incumbent that is active stays",
      ": active.find((node) => compareIds",
      ": roster.find((node) => compareIds",
    ],
    [
      "slip-bitmap-whole-bytes",
      "a roster of whole bytes has all its bits",
      "return bits === 0 || bitmap",
      "return bitmap",
    ],
    [
      "slip-bitmap-bit",
      "bits of the second byte count",
      "return ((bitmap[index >> 3] ?? 0) >> (index & 7) & 1) === 1;",
      "return ((bitmap[index >> 3] ?? 0) >> index & 1) === 1;",
    ],
    [
      "slip-possession-tag",
      "a proof of possession is nothing else",
      'return tagged("fumata-possession-v1", domain,',
      'return tagged("fumata-lease-ack-v1", domain,',
    ],
    [
      "slip-possession-certificate",
      "a proof of possession is for one certificate",
      'return tagged("fumata-possession-v1", domain, certificateId, challenge);',
      'return tagged("fumata-possession-v1", domain, challenge);',
    ],
    [
      "slip-heartbeat-sequence",
      "a heartbeat signs its sequence number",
      "nonce, incarnation, sequence, echo);",
      "nonce, incarnation, 0 * sequence, echo);",
    ],
    [
      "slip-heartbeat-echo",
      "a heartbeat signs its echo",
      "nonce, incarnation, sequence, echo);",
      "nonce, incarnation, sequence);",
    ],
    [
      "slip-succession-successor",
      "an order signs the successor",
      'return tagged("fumata-succession-v1", domain, successor);',
      'return tagged("fumata-succession-v1", domain, successor.slice(32));',
    ],
    [
      "slip-incumbency",
      "tenure counts the certificates of one leader",
      "compareIds(proposal.incumbent, leader) === 0;",
      "proposal.incumbent.length > 0;",
    ],
  ]),
  ...mutantsOf("function", "function/leader-election/roster_elect.ts", [
    [
      "slip-close-votes",
      "a closing has the votes of a quorum in the enclave, too",
      "  const digest = closingDigest(sha256, domain, term, prev, kid, successor);\n  checkVotes(enclave, config, request.votes, voteMessage(domain, term, digest));\n",
      "  const digest = closingDigest(sha256, domain, term, prev, kid, successor);\n",
    ],
    [
      "slip-close-term",
      "the term of a closing is greater than that of prev",
      "  checkTerm(term, originOf(enclave, domain, config, prev, request.previous).term);\n",
      "  originOf(enclave, domain, config, prev, request.previous);\n",
    ],
    [
      "slip-elect-key-of-vote",
      "a vote is verified with the key that it names",
      "if (!enclave.verifyEd25519(key, message, signature)) {",
      "if (!roster.some((member) => enclave.verifyEd25519(member.key, message, signature)) || key.length === 0) {",
    ],
  ]),
  ...mutantsOf("function", "function/leader-election/previous.ts", [
    [
      "slip-previous-id",
      "what is given as previous is prev",
      "const id = certificateId(sha256, domain, { term, digest, kid, beacon, leader });\n  if (compareIds(id, prev) !== 0) refuse(",
      "const id = certificateId(sha256, domain, { term, digest, kid, beacon, leader });\n  if (id.length !== prev.length) refuse(",
    ],
    [
      "slip-previous-closing-id",
      "the closing that is given as previous is prev",
      "const id = closingCertificateId(sha256, old, { term, digest, kid });\n  if (compareIds(id, prev) !== 0) refuse(",
      "const id = closingCertificateId(sha256, old, { term, digest, kid });\n  if (id.length !== prev.length) refuse(",
    ],
    [
      "slip-previous-issuer",
      "previous is by this function, a closing by the one before",
      "if (claims.iss !== issuerOf(checksum)) refuse(",
      'if (claims.iss === "") refuse(',
    ],
    [
      "slip-previous-tenure",
      "the tenure of previous counts",
      "return { term, ...incumbencyAfter(leader, proposal) };",
      "return { term, ...incumbencyAfter(leader, { ...proposal, tenure: 0 }) };",
    ],
  ]),
  ...mutantsOf("function", "function/leader-election/cluster_config.ts", [
    [
      "slip-config-weight",
      "nobody has weight 0",
      "wholeOf(weight ?? 1, `the weight of ${where}`, 1, WEIGHT_MAX)",
      "wholeOf(weight ?? 1, `the weight of ${where}`, 0, WEIGHT_MAX)",
    ],
    [
      "slip-config-roster-full",
      "a roster may be as large as its maximum",
      "value.length > ROSTER_MAX) {",
      "value.length >= ROSTER_MAX) {",
    ],
    [
      "slip-config-repeated",
      "no field twice",
      "if (repeated !== undefined) return",
      'if (repeated === "") return',
    ],
  ]),
];

/** In what opens and reads messages. */
export const WIRE_SLIPS: readonly Mutant[] = [
  ...mutantsOf("wire", "lib/wire/sealing.ts", [
    [
      "slip-window-newest",
      "the newest datagram of a sender is opened once, too",
      "if (counter > greatest) return false;",
      "if (counter >= greatest) return false;",
    ],
    [
      "slip-window-old",
      "what is too old to tell is a replay",
      "      if (counter <= greatest - WINDOW_BITS) return true;\n",
      "",
    ],
    [
      "slip-window-passed",
      "a place of the window is free again when the window has passed it",
      "          bits[at >>> 5] &= ~(1 << (at & 31));\n",
      "          bits[at >>> 5] &= ~0;\n",
    ],
    [
      "slip-seal-channel",
      "what was sealed as a datagram is no frame of a stream",
      "if (sealed[0] !== MARKS[channel]) return",
      "if (!isSealed(sealed)) return",
    ],
    [
      "slip-seal-made-up",
      "only senders of genuine datagrams are remembered",
      "      if (frame instanceof Uint8Array) {\n        if (senders",
      "      if (frame) {\n        if (senders",
    ],
  ]),
  ...mutantsOf("wire", "lib/wire/envelope.ts", [
    [
      "slip-envelope-kind",
      "what kind a message is of is signed",
      'encodeCbor(["fumata-message-v2", cluster, flags, kind,',
      'encodeCbor(["fumata-message-v2", cluster, flags, 0 * kind,',
    ],
    [
      "slip-envelope-flags",
      "what an envelope leaves out is signed",
      'encodeCbor(["fumata-message-v2", cluster, flags, kind,',
      'encodeCbor(["fumata-message-v2", cluster, 0 * flags, kind,',
    ],
    [
      "slip-envelope-nobody",
      "who writes to nobody by name leaves nothing out",
      '  if (!isAddressed && flags !== 0) return dropped("malformed");\n',
      "",
    ],
    [
      "slip-envelope-copy",
      "what is kept of a datagram is a copy of it",
      "  const body = bytes.slice(bodyAt, signatureAt);\n",
      "  const body = bytes.subarray(bodyAt, signatureAt);\n",
    ],
  ]),
  ...mutantsOf("wire", "lib/wire/roster_fields.ts", [
    [
      "slip-seen-forged",
      "a forged vote beside a statement condemns the message",
      'return vote ? { term, digest, vote } : "bad";',
      "return vote && { term, digest, vote };",
    ],
    [
      "slip-nobody-active",
      "a proposal lists somebody",
      "if (!active || active.length === 0 || !isOptional",
      "if (!active || !isOptional",
    ],
    [
      "slip-tenure-alone",
      "incumbent and tenure come together in a message",
      'if (typeof tenure !== "number" || (tenure === 0) !== (incumbent.length === 0)) return',
      'if (typeof tenure !== "number") return',
    ],
  ]),
  ...mutantsOf("wire", "lib/wire/roster_decoders.ts", [
    [
      "slip-refusal-wait",
      "a refusal has one encoding",
      '    if (reason !== "promise" && waitMs !== 0) return undefined;\n',
      "",
    ],
    [
      "slip-gave-up-empty",
      "a message about a term has a statement",
      'if (!signed || signed.length === 0 || seen === "bad") return undefined;',
      'if (!signed || seen === "bad") return undefined;',
    ],
    [
      "slip-certificate-votes",
      "a bundle is no longer than the largest roster",
      "list.length > ROSTER_MAX) return undefined;",
      "list.length > 1e9 * ROSTER_MAX) return undefined;",
    ],
  ]),
];

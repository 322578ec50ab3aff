/** The certified election in the real sandbox, with real signatures; each refusal breaks one thing only. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
// @ts-types="@types/node-forge"
import forge from "node-forge";
import { beaconInput } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, hex } from "../../lib/base/bytes.ts";
import { electRequest, proposalDigest, verifyCertificate } from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import {
  type ElectFields,
  electFields,
  firstProposal,
  NO_SIGNATURE,
  partOf,
  signedFields,
  testNodes,
  votesOf,
} from "./_election.ts";
import {
  type Answer,
  CERTIFICATE_PEM,
  certificateKey,
  electionPackage,
  FunctionWorld,
  testIdentity,
} from "./_world.ts";

Deno.test("election", async (t) => {
  await using world = new FunctionWorld(await electionPackage());
  const domain = { checksum: world.functionPackage.checksum, cluster: "test" };
  const key = certificateKey();
  const pins = { domain, keys: new Map([[key.kid, key]]) };
  const nodes = testNodes(5);

  const certificateOf = (answer: Answer): string => {
    assert("text" in answer, JSON.stringify(answer));
    return JSON.parse(answer.text).certificate;
  };

  await t.step("it describes itself", async () => {
    const answer = await world.ask({ describe: {} });
    assert("text" in answer);
    assertEquals(JSON.parse(answer.text), {
      kind: "open",
      policy: "highest",
      limits: {
        activeNodesMax: 512,
        nameCharactersMax: 64,
        termMax: 2 ** 53 - 1,
        requestBytesMax: 524288,
      },
      kid: key.kid,
      certificateKey: key.jwk,
      checksum: world.checksumHex,
    });
  });

  await t.step("a majority gets a certificate that anyone can verify", async () => {
    const proposal = firstProposal(domain, nodes);
    const votes = votesOf(domain, proposal, nodes.slice(0, 3));
    const request = electRequest(nodes[4].identity, domain, proposal, votes);
    const certificate = certificateOf(await world.ask(request));
    const verdict = verifyCertificate({ certificate, bundle: votes }, pins);
    assert(verdict.ok, JSON.stringify(verdict));
    assertEquals(verdict.certificate.leaderName, "127.0.0.1:5004");
    assertEquals(verdict.certificate.term, 1);
    assertEquals(verdict.certificate.prev, proposal.prev);
    assertEquals(verdict.certificate.digest, base64url(proposalDigest(domain, proposal)));
    assertEquals(verdict.certificate.active, nodes.map((node) => node.identity.id));
  });

  await t.step("header and claims are exactly those of the design", async () => {
    const certificate = certificateOf(await world.ask({ elect: electFields(domain, nodes) }));
    assertEquals(
      partOf(certificate, 0),
      `{"alg":"RS256","kid":"${key.kid}","typ":"election-open+jwt"}`,
    );
    const { iat, jti, beacon, ...claims } = JSON.parse(partOf(certificate, 1));
    const leader = testIdentity(4);
    const proposal = firstProposal(domain, nodes);
    assert(Number.isInteger(iat) && typeof jti === "string" && typeof beacon === "string");
    assertEquals(claims, {
      iss: `fumata:${world.checksumHex}`,
      aud: "test",
      sub: leader.id,
      name: "127.0.0.1:5004",
      cnf: { jwk: { crv: "Ed25519", kty: "OKP", x: base64url(leader.publicKey) } },
      term: 1,
      prev: proposal.prev,
      active: nodes.map(({ identity, name }) => ({ id: identity.id, name })),
      digest: base64url(proposalDigest(domain, proposal)),
      policy: "highest",
      lease: 0,
      tee: "simulated",
    });
  });

  await t.step("certificate and beacon are signed as node-forge signs them", async () => {
    const certificate = certificateOf(await world.ask({ elect: electFields(domain, nodes) }));
    const forgeKey = forge.pki.privateKeyFromPem(CERTIFICATE_PEM) as forge.pki.rsa.PrivateKey;
    const sign = (binary: string) =>
      hex(
        Uint8Array.from(forgeKey.sign(forge.md.sha256.create().update(binary)), (c) =>
          c.charCodeAt(0)),
      );
    const [header, claims, signature] = certificate.split(".");
    assertEquals(hex(fromBase64url(signature)!), sign(`${header}.${claims}`));
    const { beacon, prev } = JSON.parse(partOf(certificate, 1));
    const input = beaconInput(domain, fromBase64url(prev)!);
    assertEquals(hex(fromBase64url(beacon)!), sign(String.fromCharCode(...input)));
  });

  await t.step("whoever asks with whichever majority gets the same but for iat", async () => {
    const proposal = firstProposal(domain, nodes);
    const claims = await Promise.all([0, 1, 2].map(async (i) => {
      const votes = votesOf(domain, proposal, nodes.slice(i, i + 3));
      const fields = signedFields(domain, proposal, votes, nodes[i].identity);
      const certificate = certificateOf(await world.ask({ elect: fields }));
      return { ...JSON.parse(partOf(certificate, 1)), iat: 0 };
    }));
    assertEquals(claims[1], claims[0]);
    assertEquals(claims[2], claims[0]);
  });

  await t.step("under random the draw is fair game for everyone to recompute", async () => {
    const random = await electionPackage({ "policy.json": '{"policy": "random"}' });
    const there = { checksum: random.checksum, cluster: "test" };
    const leaders = new Set<string>();
    for (let seed = 0; seed < 6; seed++) {
      const proposal = {
        ...firstProposal(there, nodes),
        prev: base64url(sha256(Uint8Array.of(seed))),
      };
      const votes = votesOf(there, proposal, nodes.slice(0, 3));
      const fields = signedFields(there, proposal, votes, nodes[0].identity);
      const certificate = certificateOf(await world.ask({ elect: fields }, random));
      const verdict = verifyCertificate({ certificate, bundle: votes }, {
        ...pins,
        domain: there,
        policy: "random",
      });
      assert(verdict.ok, JSON.stringify(verdict));
      leaders.add(verdict.certificate.leader);
    }
    assert(leaders.size > 1);
  });

  await t.step("512 nodes are elected among, in one request of allowed size", async () => {
    const many = testNodes(512);
    const proposal = firstProposal(domain, many);
    const votes = votesOf(domain, proposal, many);
    const request = electRequest(many[0].identity, domain, proposal, votes);
    const certificate = certificateOf(await world.ask(request));
    assert(certificate.length < 128 * 1024);
    assert(verifyCertificate({ certificate, bundle: votes }, pins).ok);
  });

  const stranger = { identity: testIdentity(99), name: "127.0.0.1:5099" };
  const proposal = firstProposal(domain, nodes);
  const strangerVote = votesOf(domain, proposal, [stranger])[0];
  const resigned = (change: (fields: ElectFields) => void): ElectFields => {
    const fields = electFields(domain, nodes);
    change(fields);
    return fields;
  };
  /** As if the nodes had voted for exactly this proposal: only what it says is wrong. */
  const proposed = (change: Partial<typeof proposal>): ElectFields => {
    const other = { ...proposal, ...change };
    return signedFields(
      domain,
      other,
      votesOf(domain, other, nodes.slice(0, 3)),
      nodes[0].identity,
    );
  };
  const withoutField = (name: string) => resigned((fields) => delete fields[name]);

  const refusals: [what: string, fields: unknown, reason: string][] = [
    ["what is no object", [], "elect is not an object"],
    ["a missing field", withoutField("prev"), 'elect lacks "prev"'],
    ["an unknown field", resigned((f) => f.extra = 1), 'elect has an unknown field "extra"'],
    [
      "a cluster name with spaces",
      resigned((f) => f.cluster = "a b"),
      "elect.cluster is no name of 1..64 printable ASCII characters",
    ],
    ["term 0", proposed({ term: 0 }), "elect.term is not a whole number of 1..2^53-1"],
    [
      "a term as a text",
      resigned((f) => f.term = "1"),
      "elect.term is not a whole number of 1..2^53-1",
    ],
    [
      "a term of 2^53",
      resigned((f) => f.term = 2 ** 53),
      "elect.term is not a whole number of 1..2^53-1",
    ],
    [
      "a short prev",
      resigned((f) => f.prev = f.prev.slice(1)),
      "elect.prev is not 32 bytes in base64url",
    ],
    [
      "a prev with stray bits",
      resigned((f) => f.prev = f.prev.slice(0, 42) + "_"),
      "elect.prev is not 32 bytes in base64url",
    ],
    [
      "the kid of another enclave",
      proposed({ kid: base64url(new Uint8Array(32)) }),
      "elect.kid is not the key of this enclave",
    ],
    ["nobody active", resigned((f) => f.active = []), "elect.active is empty"],
    [
      "more than 512 active nodes",
      resigned((f) => f.active = Array(513).fill(f.active[0])),
      "elect.active has 513 items; at most 512 are allowed",
    ],
    [
      "a node twice",
      proposed({ active: [...proposal.active, proposal.active[4]] }),
      "elect.active[5] is there twice",
    ],
    [
      "nodes out of order",
      proposed({ active: proposal.active.toReversed() }),
      "elect.active[1] is out of order: nodes are sorted by id",
    ],
    [
      "an empty name",
      proposed({ active: proposal.active.map((node) => ({ ...node, name: "" })) }),
      "elect.active[0].name is no name of 1..64 printable ASCII characters",
    ],
    [
      "a field too many in a node",
      resigned((f) => f.active[1].id = "x"),
      'elect.active[1] has an unknown field "id"',
    ],
    [
      "a minority",
      resigned((f) => f.votes.pop()),
      "elect.votes has 2 votes; 5 active nodes need 3",
    ],
    ["no votes", resigned((f) => f.votes = []), "elect.votes is empty"],
    [
      "one vote counted twice",
      resigned((f) => f.votes[2] = f.votes[1]),
      "elect.votes has two votes by one node",
    ],
    [
      "a vote of a node that is not active",
      resigned((f) => f.votes[2] = strangerVote),
      "elect.votes[2] is by a node that is not in active",
    ],
    [
      "a vote with a wrong signature",
      resigned((f) => f.votes[2].signature = NO_SIGNATURE),
      "elect.votes[2].signature is not valid for this proposal",
    ],
    [
      "a vote for another term",
      resigned((f) => f.votes[2] = votesOf(domain, { ...proposal, term: 2 }, nodes)[2]),
      "elect.votes[2].signature is not valid for this proposal",
    ],
    [
      "a vote for another cluster",
      resigned((f) => f.votes[2] = votesOf({ ...domain, cluster: "other" }, proposal, nodes)[2]),
      "elect.votes[2].signature is not valid for this proposal",
    ],
    [
      "a caller who is not active",
      resigned((f) => f.caller = signedFields(domain, proposal, [], stranger.identity).caller),
      "elect.caller is by a node that is not in active",
    ],
    [
      "a caller who did not sign",
      resigned((f) => f.caller.signature = NO_SIGNATURE),
      "elect.caller.signature is not valid for this proposal",
    ],
    [
      "a caller with another's signature",
      resigned((f) =>
        f.caller.signature = signedFields(domain, proposal, [], nodes[1].identity).caller.signature
      ),
      "elect.caller.signature is not valid for this proposal",
    ],
    [
      "a signature that is no text",
      resigned((f) => f.votes[0].signature = 5),
      "elect.votes[0].signature is not 64 bytes in base64url",
    ],
  ];
  for (const [what, fields, reason] of refusals) {
    await t.step(`refuses ${what}`, async () => {
      assertEquals(await world.ask({ elect: fields }), { error: `Cannot elect: ${reason}` });
    });
  }

  await t.step("refuses fields beside elect, and beside describe", async () => {
    assertEquals(await world.ask({ elect: {}, also: 1 }), {
      error: 'Cannot elect: the request has an unknown field "also"',
    });
    assertEquals(await world.ask({ describe: { x: 1 } }), {
      error: 'Cannot elect: describe has an unknown field "x"',
    });
  });

  const policies: [string, string | undefined, string][] = [
    ["no policy", undefined, "there is no such file"],
    ["a broken policy", "{", "it is not JSON"],
    ["an unknown policy", '{"policy":"mine"}', "the policy is none of highest, random"],
    [
      "a policy with more to say",
      '{"policy":"random","x":1}',
      'an object with the one field "policy" is wanted',
    ],
  ];
  for (const [what, text, reason] of policies) {
    await t.step(`refuses a package with ${what}`, async () => {
      const broken = await electionPackage({ "policy.json": text });
      assertEquals(await world.ask({ describe: {} }, broken), {
        error: `Cannot read policy.json of the package: ${reason}`,
      });
    });
  }
});

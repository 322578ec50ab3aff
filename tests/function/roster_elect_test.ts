/** The certified election of rosters in the real sandbox, with real signatures; each refusal breaks one thing only. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { certificateId } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, fromUtf8, hex, utf8 } from "../../lib/base/bytes.ts";
import {
  closeRequest,
  closingProposalDigest,
  type ClosingTexts,
  readClusterConfig,
  rosterDigest,
  rosterElectRequest,
  type RosterProposalTexts,
  type Vote,
} from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import type { FunctionPackage } from "../../lib/package/mod.ts";
import { NO_SIGNATURE, partOf } from "./_election.ts";
import {
  closingVotes,
  configFields,
  configOf,
  everybody,
  orderFor,
  rosterProposal,
  rosterVotes,
  voters,
} from "./_roster.ts";
import {
  type Answer,
  CERTIFICATE_PEM,
  certificateKey,
  electionPackage,
  FunctionWorld,
  testIdentity,
} from "./_world.ts";

const rosterPackage = (fields: object) =>
  electionPackage({ "cluster.json": JSON.stringify(fields) });
const domainOf = ({ checksum }: FunctionPackage) => ({ checksum, cluster: "test" });

/** A request's fields, so that a test can break one. */
// deno-lint-ignore no-explicit-any -- tests put anything into it
type Fields = Record<string, any>;
const fieldsOf = (request: Uint8Array): { elect: Fields; close: Fields } =>
  JSON.parse(fromUtf8(request)!);

function certificateOf(answer: Answer): string {
  assert("text" in answer, JSON.stringify(answer));
  return JSON.parse(answer.text).certificate;
}

// deno-lint-ignore no-explicit-any -- claims of any certificate
const claimsOf = (jws: string): Record<string, any> => JSON.parse(partOf(jws, 1));

Deno.test("roster election", async (t) => {
  const fields = configFields(4, 1);
  await using world = new FunctionWorld(await rosterPackage(fields));
  const domain = domainOf(world.functionPackage);
  const all = voters(4);
  const quorum = all.slice(1);
  const first = rosterProposal(domain, 4);
  const request = (
    proposal: RosterProposalTexts,
    previous?: string,
    votes: Vote[] = rosterVotes(domain, proposal, quorum),
  ) => rosterElectRequest(proposal, votes, previous);
  const elected = async (proposal: RosterProposalTexts, previous?: string) =>
    certificateOf(await world.ask(request(proposal, previous)));
  const firstCertificate = await elected(first);
  const { jti, sub } = claimsOf(firstCertificate);
  const second = { ...first, term: 5, prev: jti, incumbent: sub, tenure: 1 };

  await t.step("it describes itself with the file that the package has", async () => {
    const answer = await world.ask({ describe: {} });
    assert("text" in answer);
    const { clusterJson, ...rest } = JSON.parse(answer.text);
    assertEquals(rest, {
      kind: "roster",
      policy: "random",
      limits: {
        rosterMax: 64,
        nameCharactersMax: 64,
        termMax: 2 ** 53 - 1,
        requestBytesMax: 524288,
      },
      kid: certificateKey().kid,
      certificateKey: certificateKey().jwk,
      checksum: world.checksumHex,
    });
    assertEquals(readClusterConfig(utf8(clusterJson)), configOf(fields));
  });

  await t.step("header and claims are exactly those of the design", () => {
    const { kid } = certificateKey();
    assertEquals(
      partOf(firstCertificate, 0),
      `{"alg":"RS256","kid":"${kid}","typ":"election+jwt"}`,
    );
    const { iat, beacon, ...claims } = claimsOf(firstCertificate);
    const index = all.findIndex((voter) => voter.id === claims.sub);
    const digest = rosterDigest(domain, first);
    assert(Number.isInteger(iat));
    assertEquals(claims, {
      iss: `fumata:${world.checksumHex}`,
      aud: "test",
      sub: all[index].id,
      jti: base64url(certificateId(sha256, domain, {
        term: 1,
        digest,
        kid: fromBase64url(kid)!,
        beacon: sha256(fromBase64url(beacon)!),
        leader: fromBase64url(all[index].id)!,
      })),
      name: `a:${index + 1}`,
      cnf: { jwk: { crv: "Ed25519", kty: "OKP", x: base64url(all[index].publicKey) } },
      term: 1,
      prev: first.prev,
      active: everybody(4),
      incumbent: "",
      tenure: 0,
      digest: base64url(digest),
      policy: "random",
      lease: 2000,
      config: base64url(sha256(utf8(JSON.stringify(fields)))),
      tee: "simulated",
    });
  });

  await t.step("whoever asks with whichever quorum gets the same but for iat", async () => {
    const others = request(first, undefined, rosterVotes(domain, first, all.slice(0, 3)));
    const claims = claimsOf(certificateOf(await world.ask(others)));
    assertEquals({ ...claims, iat: 0 }, { ...claimsOf(firstCertificate), iat: 0 });
  });

  await t.step(
    "another term of the same prev has the same beacon, hence the same leader",
    async () => {
      const claims = claimsOf(await elected({ ...first, term: 9 }));
      assertEquals(
        [claims.beacon, claims.sub],
        [claimsOf(firstCertificate).beacon, claimsOf(firstCertificate).sub],
      );
    },
  );

  await t.step("a second term follows the first", async () => {
    const claims = claimsOf(await elected(second, firstCertificate));
    assertEquals([claims.term, claims.prev, claims.incumbent, claims.tenure], [5, jti, sub, 1]);
  });

  await t.step("a leader that was drawn again has a longer tenure behind it", async () => {
    let [certificate, proposal] = [firstCertificate, second];
    for (let i = 0; i < 20; i++) {
      certificate = await elected(proposal, certificate);
      const claims = claimsOf(certificate);
      const tenure = claims.sub === proposal.incumbent ? proposal.tenure + 1 : 1;
      proposal = {
        ...first,
        term: claims.term + 1,
        prev: claims.jti,
        incumbent: claims.sub,
        tenure,
      };
      if (tenure > 1) return;
    }
    assert(false, "nobody was drawn twice in a row");
  });

  const changed = (proposal: RosterProposalTexts, change: Partial<RosterProposalTexts>) =>
    request({ ...proposal, ...change }, proposal === second ? firstCertificate : undefined);
  const edited = (change: (fields: Fields) => void, of = request(first)) => {
    const whole = fieldsOf(of);
    change(whole.elect);
    return whole;
  };
  const forged = (change: (claims: Fields) => void, sign = resign) => {
    const claims = claimsOf(firstCertificate);
    change(claims);
    return request(second, sign(firstCertificate.split(".")[0], claims));
  };

  const refusals: [string, unknown, string][] = [
    ["an unknown field", edited((f) => f.caller = {}), 'elect has an unknown field "caller"'],
    ["a missing field", edited((f) => delete f.tenure), 'elect lacks "tenure"'],
    ["term 0", changed(first, { term: 0 }), "term is not a whole number of 1..2^53-1"],
    ["a short prev", edited((f) => f.prev = "AA"), "prev is not 32 bytes in base64url"],
    [
      "the kid of another enclave",
      changed(first, { kid: base64url(new Uint8Array(32)) }),
      "kid is not the key of this enclave",
    ],
    ["nobody active", changed(first, { bitmap: "AA" }), "bitmap names nobody"],
    [
      "a bit beyond the roster",
      changed(first, { bitmap: base64url(Uint8Array.of(0x1f)) }),
      "bitmap has a bit beyond the 4 voters",
    ],
    [
      "a bitmap that is too long",
      changed(first, { bitmap: base64url(Uint8Array.of(15, 0)) }),
      "bitmap is not 1 bytes in base64url",
    ],
    [
      "an incumbent of no length",
      edited((f) => f.incumbent = "AA"),
      "incumbent is not 32 bytes in base64url",
    ],
    ["half a tenure", edited((f) => f.tenure = 0.5), "tenure is not a whole number"],
    ["no votes", edited((f) => f.votes = []), "votes is empty"],
    [
      "less than a quorum",
      edited((f) => f.votes.pop()),
      "votes has 2 votes; a roster of 4 needs 3",
    ],
    [
      "one vote counted twice",
      edited((f) => f.votes[2] = f.votes[1]),
      "votes[2] is a second vote of one voter",
    ],
    [
      "more votes than voters",
      edited((f) => f.votes = Array(5).fill(f.votes[0])),
      "votes has 5 items; at most 4 are allowed",
    ],
    [
      "a vote of nobody in the roster",
      edited((f) => f.votes[2] = rosterVotes(domain, first, [testIdentity(9)])[0]),
      "votes[2] is by nobody of the roster",
    ],
    [
      "a forged vote, even beside a quorum",
      request(first, undefined, [
        ...rosterVotes(domain, first, quorum),
        { key: base64url(all[0].publicKey), signature: NO_SIGNATURE },
      ]),
      "votes[3].signature is not valid for this proposal",
    ],
    [
      "votes with each other's signatures",
      edited(({ votes: [a, b] }) => [a.signature, b.signature] = [b.signature, a.signature]),
      "votes[0].signature is not valid for this proposal",
    ],
    [
      "votes for another term",
      request(first, undefined, rosterVotes(domain, { ...first, term: 2 }, quorum)),
      "votes[0].signature is not valid for this proposal",
    ],
    [
      "votes for other active nodes",
      request(first, undefined, rosterVotes(domain, { ...first, bitmap: "Bw" }, quorum)),
      "votes[0].signature is not valid for this proposal",
    ],
    [
      "votes in another cluster",
      request(first, undefined, rosterVotes({ ...domain, cluster: "x" }, first, quorum)),
      "votes[0].signature is not valid for this proposal",
    ],
    [
      "votes for another function",
      request(
        first,
        undefined,
        rosterVotes({ ...domain, checksum: new Uint8Array(32) }, first, quorum),
      ),
      "votes[0].signature is not valid for this proposal",
    ],
    [
      "an incumbent at genesis",
      changed(first, { incumbent: all[0].id }),
      "incumbent is not the leader of prev",
    ],
    ["a tenure at genesis", changed(first, { tenure: 1 }), "tenure is 1; after prev it is 0"],
    [
      "a certificate at genesis",
      request(first, firstCertificate),
      "previous is given, but prev is genesis",
    ],
    [
      "a prev without its certificate",
      request(second),
      "previous is not the certificate prev: a text of at most 16384",
    ],
    [
      "the certificate of another prev",
      request({ ...second, prev: base64url(new Uint8Array(32)) }, firstCertificate),
      "previous is not the certificate prev: its id is another",
    ],
    ["the term of prev again", changed(second, { term: 1 }), "term is 1; prev has term 1"],
    [
      "another incumbent than the leader of prev",
      changed(second, { incumbent: all.find(({ id }) => id !== sub)!.id }),
      "incumbent is not the leader of prev",
    ],
    [
      "no incumbent after a leader",
      changed(second, { incumbent: "" }),
      "incumbent is not the leader of prev",
    ],
    ["a longer tenure", changed(second, { tenure: 2 }), "tenure is 2; after prev it is 1"],
    ["what is no JWS", request(second, "a.b"), "previous is no JWS"],
    [
      "a prev that says another leader",
      forged((c) => c.sub = all.find(({ id }) => id !== sub)!.id),
      "previous is not the certificate prev: its id is another",
    ],
    [
      "a prev that says a lower term",
      forged((c) => c.term = 0),
      "previous.term is not a whole number of 1..2^53-1",
    ],
    [
      "a prev that says another tenure",
      forged((c) => c.tenure = 7),
      "previous is not the certificate prev: its id is another",
    ],
    ["a prev of another cluster", forged((c) => c.aud = "x"), "previous is of another cluster"],
    [
      "a prev of another function",
      forged((c) => c.iss = `fumata:${"00".repeat(32)}`),
      `previous is not by fumata:${world.checksumHex}`,
    ],
    [
      "a prev that this enclave's key did not sign",
      forged(() => {}, (header, claims) => resign(header, claims, OTHER_KEY)),
      "previous is not signed by its key, which is this enclave's",
    ],
    [
      "an open certificate as prev",
      request(second, resign(part({ alg: "RS256", kid: first.kid, typ: "election-open+jwt" }), {})),
      "previous is neither election+jwt nor election-closing+jwt",
    ],
  ];
  for (const [what, input, reason] of refusals) {
    await t.step(`refuses ${what}`, async () => {
      assertEquals(await world.ask(input), { error: `Cannot elect: ${reason}` });
    });
  }

  await t.step("a prev under an older key counts by its id", async () => {
    const oldKid = base64url(sha256(utf8("an older enclave")));
    const claims = claimsOf(firstCertificate);
    const digest = rosterDigest(domain, { ...first, kid: oldKid });
    const id = certificateId(sha256, domain, {
      term: 1,
      digest,
      kid: fromBase64url(oldKid)!,
      beacon: sha256(fromBase64url(claims.beacon)!),
      leader: fromBase64url(sub)!,
    });
    const header = part({ alg: "RS256", kid: oldKid, typ: "election+jwt" });
    const old = resign(
      header,
      { ...claims, digest: base64url(digest), jti: base64url(id) },
      OTHER_KEY,
    );
    const proposal = { ...second, prev: base64url(id) };
    assertEquals(claimsOf(await elected(proposal, old)).prev, base64url(id));
  });

  await t.step("refuses the plain call, and anything beside an election", async () => {
    assertEquals(await world.ask({ node_list: ["a"], elect: {} }), {
      error:
        'Cannot elect: the package has a cluster.json, so there is no plain call; "elect" wants the votes of its roster',
    });
    assertEquals(await world.ask({ elect: {}, close: {} }), {
      error: 'Cannot elect: the request has an unknown field "elect"',
    });
    assertEquals(await world.ask({}), { error: 'Cannot elect: the request lacks "elect"' });
  });

  await t.step("refuses a package whose cluster.json is wrong, whatever is asked", async () => {
    const broken = await rosterPackage({ ...fields, faultBound: 2 });
    for (const input of [{ describe: {} }, { node_list: ["a"] }, request(first)]) {
      assertEquals(await world.ask(input, broken), {
        error:
          'Cannot read cluster.json of the package: "faultBound" is 2, which needs 7 voters; the roster has 4',
      });
    }
    const weak = configFields(4, 1);
    weak.roster[0].key = base64url(new Uint8Array(32));
    assertEquals(await world.ask({ describe: {} }, await rosterPackage(weak)), {
      error:
        'Cannot read cluster.json of the package: the key of "roster[0]" is no sound Ed25519 key',
    });
  });

  await t.step("64 voters elect in one request of allowed size", async () => {
    const large = await rosterPackage(configFields(64, 21));
    const there = domainOf(large);
    const proposal = rosterProposal(there, 64);
    const votes = rosterVotes(there, proposal, voters(64));
    const answer = await world.ask(rosterElectRequest(proposal, votes), large);
    assert(certificateOf(answer).length < 2000);
  });

  await t.step("one voter elects itself", async () => {
    const lone = await rosterPackage(configFields(1, 0));
    const there = domainOf(lone);
    const proposal = rosterProposal(there, 1);
    const votes = rosterVotes(there, proposal, voters(1));
    const answer = await world.ask(rosterElectRequest(proposal, votes), lone);
    assertEquals(claimsOf(certificateOf(answer)).sub, voters(1)[0].id);
  });
});

Deno.test("sticky leaders stay while they are active, up to their tenure", async () => {
  const sticky = await rosterPackage(configFields(4, 1, { sticky: true, maxTenure: 3 }));
  await using world = new FunctionWorld(sticky);
  const domain = domainOf(sticky);
  const all = voters(4);
  const leaders: string[] = [];
  let previous: string | undefined;
  let proposal = rosterProposal(domain, 4);
  for (let term = 1; term <= 8; term++) {
    const votes = rosterVotes(domain, proposal, all);
    previous = certificateOf(await world.ask(rosterElectRequest(proposal, votes, previous)));
    const { sub, jti } = claimsOf(previous);
    leaders.push(sub);
    const tenure = sub === proposal.incumbent ? proposal.tenure + 1 : 1;
    proposal = { ...proposal, term: term + 1, prev: jti, incumbent: sub, tenure };
  }
  assertEquals(new Set(leaders.slice(0, 3)).size, 1);
  const absent = all.findIndex(({ id }) => id === proposal.incumbent);
  const gone = { ...proposal, bitmap: base64url(Uint8Array.of(15 & ~(1 << absent))) };
  const answer = await world.ask(
    rosterElectRequest(gone, rosterVotes(domain, gone, all), previous),
  );
  assert(claimsOf(certificateOf(answer)).sub !== proposal.incumbent);
});

Deno.test("succession", async (t) => {
  await using world = new FunctionWorld(await rosterPackage(configFields(4, 1)));
  const old = domainOf(world.functionPackage);
  const all = voters(4);
  const successor = await rosterPackage(configFields(3, 0, { succeeds: world.checksumHex }));
  const next = domainOf(successor);
  const other = await rosterPackage(configFields(2, 0, { succeeds: world.checksumHex }));
  const first = rosterProposal(old, 4);
  const firstCertificate = certificateOf(
    await world.ask(rosterElectRequest(first, rosterVotes(old, first, all))),
  );
  const closing: ClosingTexts = {
    term: 4,
    prev: claimsOf(firstCertificate).jti,
    kid: first.kid,
    successor: base64url(next.checksum),
  };
  const order = orderFor(old, next.checksum);
  const request = (
    change: Partial<ClosingTexts> = {},
    by = order,
    votes = closingVotes(old, { ...closing, ...change }, all.slice(0, 3)),
  ) => closeRequest({ ...closing, ...change }, by, votes, firstCertificate);
  const closed = certificateOf(await world.ask(request()));

  await t.step("header and claims of a closing certificate are exactly those of the design", () => {
    assertEquals(
      partOf(closed, 0),
      `{"alg":"RS256","kid":"${first.kid}","typ":"election-closing+jwt"}`,
    );
    const { iat, ...claims } = claimsOf(closed);
    const digest = closingProposalDigest(old, closing);
    assert(Number.isInteger(iat));
    assertEquals(claims, {
      iss: `fumata:${world.checksumHex}`,
      aud: "test",
      jti: base64url(certificateId(sha256, old, {
        term: 4,
        digest,
        kid: fromBase64url(first.kid)!,
        beacon: new Uint8Array(),
        leader: new Uint8Array(),
      })),
      term: 4,
      prev: closing.prev,
      digest: base64url(digest),
      successor: hex(next.checksum),
      order,
      config: base64url(sha256(utf8(JSON.stringify(configFields(4, 1))))),
      tee: "simulated",
    });
  });

  const genesis = { ...rosterProposal(next, 3), term: 5, prev: claimsOf(closed).jti };
  const inNext = (proposal = genesis, previous: string | undefined = closed) =>
    world.ask(
      rosterElectRequest(proposal, rosterVotes(next, proposal, voters(3)), previous),
      successor,
    );

  await t.step("the successor's terms go on from the closing certificate", async () => {
    const claims = claimsOf(certificateOf(await inNext()));
    assertEquals([claims.term, claims.prev, claims.incumbent, claims.tenure], [
      5,
      claimsOf(closed).jti,
      "",
      0,
    ]);
  });

  const inOther = { ...genesis, bitmap: everybody(2) };
  const refusals: [string, () => Promise<Answer>, string][] = [
    [
      "an order by somebody else",
      () => world.ask(request({}, orderFor(old, next.checksum, all[0]))),
      "order is not the operator's signature for this successor",
    ],
    [
      "an order for another successor",
      () => world.ask(request({}, orderFor(old, new Uint8Array(32)))),
      "order is not the operator's signature for this successor",
    ],
    [
      "an order in another cluster",
      () => world.ask(request({}, orderFor({ ...old, cluster: "x" }, next.checksum))),
      "order is not the operator's signature for this successor",
    ],
    [
      "a closing without a quorum",
      () => world.ask(request({}, order, closingVotes(old, closing, all.slice(0, 2)))),
      "votes has 2 votes; a roster of 4 needs 3",
    ],
    [
      "votes for a leader as votes to close",
      () => world.ask(request({}, order, rosterVotes(old, { ...first, term: 4 }, all))),
      "votes[0].signature is not valid for this proposal",
    ],
    [
      "a closing for itself",
      () =>
        world.ask(
          request({ successor: base64url(old.checksum) }, orderFor(old, old.checksum)),
        ),
      "successor is this function itself",
    ],
    [
      "a closing for no checksum",
      () => world.ask(brokenSuccessor()),
      "successor is not a checksum of 64 lower-case hex digits",
    ],
    [
      "a closing of a term that was",
      () => world.ask(request({ term: 1 })),
      "term is 1; prev has term 1",
    ],
    [
      "a closing of a package without an operator",
      async () => {
        const { operatorKey: _, ...fields } = configFields(4, 1);
        const alone = await rosterPackage(fields);
        const there = domainOf(alone);
        const fresh = { ...closing, prev: rosterProposal(there, 4).prev };
        return world.ask(
          closeRequest(fresh, orderFor(there, next.checksum), closingVotes(there, fresh, all)),
          alone,
        );
      },
      "this package names no operator, so it has no successor",
    ],
    [
      "a leader after the end",
      () => {
        const proposal = { ...first, term: 5, prev: claimsOf(closed).jti };
        return world.ask(rosterElectRequest(proposal, rosterVotes(old, proposal, all), closed));
      },
      "previous closed a cluster, and this package succeeds none",
    ],
    [
      "a successor that begins from nothing",
      () => {
        const proposal = rosterProposal(next, 3);
        return world.ask(
          rosterElectRequest(proposal, rosterVotes(next, proposal, voters(3))),
          successor,
        );
      },
      "prev is genesis; this package succeeds another and goes on from it",
    ],
    [
      "a successor whose terms begin again",
      () => inNext({ ...genesis, term: 4 }),
      "term is 4; prev has term 4",
    ],
    [
      "a successor with an incumbent",
      () => inNext({ ...genesis, incumbent: all[0].id, tenure: 1 }),
      "incumbent is not the leader of prev",
    ],
    [
      "a successor that another was named for",
      () =>
        world.ask(
          rosterElectRequest(
            inOther,
            rosterVotes(domainOf(other), inOther, voters(2)),
            closed,
          ),
          other,
        ),
      "previous closed its cluster in favour of another function",
    ],
    [
      "a closing certificate that says another term",
      () => inNext(genesis, resign(closed.split(".")[0], { ...claimsOf(closed), term: 3 })),
      "previous is not the certificate prev: its id is another",
    ],
    [
      "a closing certificate of another function",
      () =>
        inNext(
          genesis,
          resign(closed.split(".")[0], { ...claimsOf(closed), iss: `fumata:${"00".repeat(32)}` }),
        ),
      `previous is not by fumata:${world.checksumHex}`,
    ],
  ];
  function brokenSuccessor() {
    const whole = fieldsOf(request());
    whole.close.successor = "xyz";
    return whole;
  }
  for (const [what, ask, reason] of refusals) {
    await t.step(`refuses ${what}`, async () => {
      assertEquals(await ask(), { error: `Cannot elect: ${reason}` });
    });
  }
});

const OTHER_KEY = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({
  format: "pem",
  type: "pkcs8",
}) as string;

function part(value: object): string {
  return base64url(utf8(JSON.stringify(value)));
}

/** A JWS with this header (as it stands in a JWS) over these claims. */
function resign(header: string, claims: object, pem = CERTIFICATE_PEM): string {
  const input = `${header}.${part(claims)}`;
  const signature = sign("RSA-SHA256", utf8(input), createPrivateKey(pem));
  return `${input}.${base64url(new Uint8Array(signature))}`;
}

/** `fumata verify`, `audit` and `succession` over rosters, from words to exit code, with real files and a real HTTP server. */
import { deepStrictEqual as assertEquals, ok as assert, rejects } from "node:assert";
import { encodeEvidence, encodeUserData } from "../../lib/attestation/mod.ts";
import { base64url, fromHex, hex, utf8 } from "../../lib/base/bytes.ts";
import {
  fenceFault,
  isOrderBy,
  parseSuccessionOrder,
  provePossession,
  readChallenge,
  readFence,
} from "../../lib/certificate/mod.ts";
import { auditCommand } from "../../lib/cli/commands/audit.ts";
import { successionCommand } from "../../lib/cli/commands/succession.ts";
import { verifyCommand } from "../../lib/cli/commands/verify.ts";
import { type FunctionPackage, packFiles } from "../../lib/package/mod.ts";
import {
  configFields,
  configOf,
  OPERATOR,
  orderFor,
  rosterProposal,
  voters,
} from "../function/_roster.ts";
import { certificateKey } from "../function/_world.ts";
import { TestFunction } from "./_chain.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { runCommand, TestFolder } from "./_command.ts";
import { CLOSING, issueClosing, issueRoster } from "./_issue_roster.ts";
import { issue } from "./_issue.ts";

const key = certificateKey();

/** A package with this `cluster.json`; the code in it does not matter here. */
function packed(change: object = {}): { zip: Uint8Array; domain: Pinned } {
  const text = JSON.stringify(configFields(4, 1, change));
  const { zip, checksum } = packFiles(
    "f",
    new Map([["app.ts", utf8("")], ["cluster.json", utf8(text)]]),
  );
  return { zip, domain: { checksum, cluster: "test" } };
}
type Pinned = Pick<FunctionPackage, "checksum"> & { readonly cluster: string };

const CONFIG = configOf(configFields(4, 1));
const { zip, domain } = packed();
const certificateOf = (change: object = {}) =>
  issueRoster(() => {}, { ...rosterProposal(domain, 4), ...change }, CONFIG, domain);

/** A folder with a package, keys and a certificate of term 5. */
function world() {
  const folder = new TestFolder();
  const keys = folder.write("keys.json", { keys: [key.jwk] });
  const archive = folder.write("f.zip", zip);
  return {
    folder,
    keys,
    archive,
    given: ["--package", archive, "--keys", keys],
    certificate: folder.write("certificate.json", certificateOf({ term: 5 })),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

const verify = (...words: string[]) => runCommand(verifyCommand, ...words);

Deno.test("verify: a package says which function and who votes; the report says what that proves", async () => {
  using at = world();
  const { code, out, said } = await verify(at.certificate, ...at.given);
  assertEquals([code, said], [0, ""]);
  for (
    const line of [
      "cluster      test",
      "term         5",
      "lease        2000 ms a promise",
      "proven       3 of the 4 voters voted for exactly this proposal; 3 are needed",
      "proven       if at most 1 of them lie, nobody else leads in term 5",
      "proven       the draw (random) was recomputed and gives this leader",
      "proven       roster, policy, lease and fault bound are those of the package",
      "not proven   that no later term exists",
      "not proven   that the leader holds its lease now: only the leader can know",
    ]
  ) assert(out.includes(`${line}\n`), out);
  assert(out.endsWith("verified\n"));
});

Deno.test("verify: a folder is packed as deploy packs it", async () => {
  using at = world();
  const path = `${at.folder.path}/f`;
  Deno.mkdirSync(path);
  at.folder.write("f/app.ts", "");
  at.folder.write("f/cluster.json", configFields(4, 1));
  const { code } = await verify(at.certificate, "--package", path, "--keys", at.keys);
  assertEquals(code, 0);
});

Deno.test("verify: a cluster.json alone is on trust, and says so", async () => {
  using at = world();
  const given = ["--cluster-json", at.folder.write("cluster.json", configFields(4, 1))];
  const words = [at.certificate, "--keys", at.keys, "-c", hex(domain.checksum), ...given];
  const { code, out } = await verify(...words);
  assertEquals(code, 0);
  assert(out.includes("on trust     that this cluster.json is that of the function"));
  const report = JSON.parse((await verify(...words, "--json")).out);
  assertEquals([report.kind, report.term, report.roster.leaseMs], ["roster", 5, 2000]);
});

Deno.test("verify: without a roster it says what to give", async () => {
  using at = world();
  const words = [at.certificate, "--keys", at.keys, "--cluster", "test"];
  const { code, said } = await verify(...words, "-c", hex(domain.checksum));
  assertEquals(code, 3);
  assert(said.startsWith("refused: config: it is of a roster cluster"));
  assert(said.includes("give --package"));
});

Deno.test("verify: refuses a package of another checksum, and two sources of a roster", async () => {
  using at = world();
  await rejects(verify(at.certificate, ...at.given, "-c", "00".repeat(32)), {
    code: "refused",
    message: /^Cannot use package .*: its checksum is .*; --checksum wants 00/,
  });
  await rejects(verify(at.certificate, ...at.given, "--cluster-json", at.keys), {
    code: "usage",
    message: /^Cannot use --cluster-json beside --package/,
  });
  const broken = packed({ faultBound: 2 });
  const path = at.folder.write("broken.zip", broken.zip);
  await rejects(verify(at.certificate, "--package", path, "--keys", at.keys), {
    message: /^Cannot use cluster.json of .*"faultBound" is 2, which needs 7 voters/,
  });
});

Deno.test("verify: an open certificate is none of a roster's", async () => {
  using at = world();
  const path = at.folder.write("open.json", issue());
  const { code, said } = await verify(path, ...at.given, "--allow-open");
  assertEquals(code, 3);
  assert(said.includes("refused: kind: it is of an open cluster; the package has a roster"));
});

Deno.test("verify: a closing certificate is genuine, but names no leader", async () => {
  using at = world();
  const path = at.folder.write("closing.json", issueClosing(() => {}, CLOSING, CONFIG, domain));
  const { code, out } = await verify(path, ...at.given);
  assertEquals(code, 4);
  assert(out.includes("leader       none: it closes the cluster\n"));
  assert(out.endsWith("verified: it names no leader\n"));
});

// ---- the fence

Deno.test("verify: a stored term refuses what is older, and another certificate of the same term", async () => {
  using at = world();
  const store = `${at.folder.path}/fence.json`;
  const obey = async (change: object) => {
    const path = at.folder.write("next.json", certificateOf(change));
    const { code, said } = await verify(path, ...at.given, "--store", store);
    return [code, said.replace(/[\w-]{43}/, "ID")];
  };
  assertEquals(await obey({ term: 5 }), [0, ""]);
  assertEquals(await obey({ term: 5 }), [0, ""]);
  assertEquals(await obey({ term: 4 }), [
    3,
    "refused: term: its term 4 is over: a certificate of term 5 was seen\n",
  ]);
  assertEquals(await obey({ term: 5, bitmap: "Bw" }), [
    3,
    "refused: term: another certificate of term 5 was seen: ID; that is a fork, keep both as evidence\n",
  ]);
  assertEquals(await obey({ term: 7 }), [0, ""]);
  assertEquals(await obey({ term: 5 }), [
    3,
    "refused: term: its term 5 is over: a certificate of term 7 was seen\n",
  ]);
  assertEquals(JSON.parse(Deno.readTextFileSync(store)).term, 7);
});

Deno.test("verify: what is refused does not raise the stored term", async () => {
  using at = world();
  const store = `${at.folder.path}/fence.json`;
  const forged = { ...certificateOf({ term: 99 }), bundle: [] };
  const path = at.folder.write("forged.json", forged);
  assertEquals((await verify(path, ...at.given, "--store", store)).code, 3);
  await rejects(Deno.stat(store), Deno.errors.NotFound);
});

Deno.test("verify: a stored term that cannot be read or written is no licence to obey", async () => {
  using at = world();
  const store = at.folder.write("fence.json", "{");
  await rejects(verify(at.certificate, ...at.given, "--store", store), {
    code: "failure",
    message: /^Cannot use --store .*: it is not JSON; a term that was obeyed may be lost/,
  });
  await rejects(verify(at.certificate, ...at.given, "--store", "/no/such/folder/fence"), {
    code: "failure",
    message: /^Cannot use --store/,
  });
  const other = at.folder.write("other.json", { cluster: "x", term: 1, id: CLOSING.prev });
  const { code, said } = await verify(at.certificate, ...at.given, "--store", other);
  assertEquals([code, said], [
    3,
    'refused: term: the stored term is of the cluster "x", not of "test"\n',
  ]);
});

Deno.test("the least term that was given by hand is enough, one less is not", () => {
  const next = { cluster: "test", term: 5, id: CLOSING.prev };
  assertEquals(fenceFault(next, undefined, 5), undefined);
  assertEquals(fenceFault(next, undefined, 6), "its term is 5; at least 6 is wanted");
});

Deno.test("a stored term of another form is refused with a reason", () => {
  const fence = { cluster: "test", term: 1, id: CLOSING.prev };
  assertEquals(readFence(JSON.stringify(fence)), fence);
  const faults: [unknown, string][] = [
    [null, "it is not a JSON object"],
    [{ ...fence, cluster: "a b" }, 'it lacks "cluster"'],
    [{ ...fence, term: 0 }, 'it lacks "term"'],
    [{ ...fence, term: 1.5 }, 'it lacks "term"'],
    [{ ...fence, id: "AA" }, 'it lacks "id"'],
  ];
  for (const [value, fault] of faults) assertEquals(readFence(JSON.stringify(value)), fault);
  assertEquals(readFence("{"), "it is not JSON");
});

Deno.test("verify: a closing certificate raises the stored term, so that who led before is over", async () => {
  using at = world();
  const store = `${at.folder.path}/fence.json`;
  const closing = at.folder.write("closing.json", issueClosing(() => {}, CLOSING, CONFIG, domain));
  assertEquals((await verify(closing, ...at.given, "--store", store)).code, 4);
  const { code, said } = await verify(at.certificate, ...at.given, "--store", store);
  assertEquals([code, said], [
    3,
    "refused: term: its term 5 is over: a certificate of term 9 was seen\n",
  ]);
});

Deno.test("verify: of two programs at once, both cannot obey two certificates of one term", async () => {
  using at = world();
  const store = `${at.folder.path}/fence.json`;
  const paths = ["Dw", "Bw", "Cw", "DQ"].map((bitmap) =>
    at.folder.write(`${bitmap}.json`, certificateOf({ term: 5, bitmap }))
  );
  const codes = await Promise.all(
    paths.map(async (path) => (await verify(path, ...at.given, "--store", store)).code),
  );
  assertEquals(codes.toSorted(), [0, 3, 3, 3]);
});

Deno.test("verify: a least term by hand", async () => {
  using at = world();
  const { code, said } = await verify(at.certificate, ...at.given, "--min-term", "6");
  assertEquals([code, said], [3, "refused: term: its term is 5; at least 6 is wanted\n"]);
  assertEquals((await verify(at.certificate, ...at.given, "--min-term", "5")).code, 0);
  await rejects(verify(at.certificate, ...at.given, "--min-term", "5", "--allow-open"), {
    code: "usage",
    message: /terms of an open cluster fence nothing off$/,
  });
});

// ---- from a node

/** Serves on a free port of the loopback while the body runs. */
async function serving(
  answer: (request: Request) => Response | Promise<Response>,
  run: (url: string) => Promise<void>,
): Promise<void> {
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  await run(`http://127.0.0.1:${(server.addr as Deno.NetAddr).port}`);
}

Deno.test("verify: reads a certificate from a URL; a node without one has no leader", async () => {
  using at = world();
  const text = Deno.readTextFileSync(at.certificate);
  await serving(({ url }) => {
    return url.endsWith("/v1/certificate")
      ? new Response(text)
      : new Response("none", { status: 404 });
  }, async (url) => {
    assertEquals((await verify(`${url}/v1/certificate`, ...at.given)).code, 0);
    await rejects(verify(`${url}/nothing`, ...at.given), { code: "no-leader" });
  });
  await rejects(verify("http://127.0.0.1:1/v1/certificate", ...at.given), { code: "unreachable" });
});

Deno.test("verify: whoever answers a fresh challenge with the leader's key is proven", async () => {
  using at = world();
  const { out } = await verify(at.certificate, ...at.given, "--json");
  const leader = voters(4).find(({ id }) => id === JSON.parse(out).leader)!;
  const other = voters(4).find(({ id }) => id !== leader.id)!;
  const challenges = new Set<string>();
  let [signer, refusal] = [leader, undefined as Response | undefined];
  await serving(async (request) => {
    const challenge = readChallenge(await request.json());
    assert(typeof challenge !== "string" && request.url.endsWith("/v1/prove"));
    challenges.add(challenge.challenge);
    return refusal ?? Response.json({ signature: provePossession(signer, domain, challenge) });
  }, async (url) => {
    const words = [at.certificate, ...at.given, "--prove", url];
    const proven = await verify(...words);
    assertEquals(proven.code, 0);
    assert(
      proven.out.includes(
        `proven       whoever answers at ${url} holds the leader's key, or passes it on`,
      ),
    );
    signer = other;
    const refusedWith = async (why: string) => {
      const { code, said } = await verify(...words);
      const advice = "--prove wants the HTTP address of the leader's own node";
      assertEquals([code, said], [3, `refused: possession: ${url} ${why}; ${advice}\n`]);
    };
    await refusedWith("answers something else than the leader's signature");
    const error = { code: "failure", message: "Cannot prove possession: not I" };
    refusal = Response.json({ error }, { status: 409 });
    await refusedWith('says "Cannot prove possession: not I" (HTTP 409)');
    refusal = new Response("<html>\n".repeat(1000), { status: 404 });
    await refusedWith("does not sign (HTTP 404)");
    refusal = Response.json({ error: { code: {}, message: {} } }, { status: 500 });
    await refusedWith("does not sign (HTTP 500)");
  });
  assertEquals(challenges.size, 5);
  await rejects(verify(at.certificate, ...at.given, "--prove", "http://127.0.0.1:1"), {
    code: "unreachable",
  });
  await rejects(verify(at.certificate, ...at.given, "--prove", "leader"), { code: "usage" });
});

Deno.test("a challenge of another form is refused with a reason", () => {
  const good = { certificate: CLOSING.prev, challenge: CLOSING.prev };
  assertEquals(readChallenge(good), good);
  assertEquals(readChallenge(5), "the challenge is not an object");
  assertEquals(readChallenge({ ...good, x: 1 }), 'the challenge has an unknown field "x"');
  assertEquals(
    readChallenge({ ...good, challenge: "AA" }),
    '"challenge" is not 32 bytes in base64url',
  );
  assertEquals(readChallenge({ challenge: "" }), '"certificate" is not 32 bytes in base64url');
});

// ---- audit

Deno.test("audit: a chain over a succession, with the packages of both functions", async () => {
  using at = world();
  const next = packed({ succeeds: hex(domain.checksum) });
  const [alpha, beta] = [
    new TestFunction("", {}, domain.checksum),
    new TestFunction("", { succeeds: hex(domain.checksum) }, next.domain.checksum),
  ];
  const first = alpha.elect(1);
  const closing = alpha.close(3, beta, first.certificate);
  const last = beta.elect(4, closing.certificate);
  const aside = alpha.elect(2, first.certificate);
  const documents = [first, closing, last, aside].map(({ document }) => document);
  const given = [...at.given, "--package", at.folder.write("next.zip", next.zip)];
  const path = at.folder.write("chain.json", { chain: documents });
  const audit = (...words: string[]) => runCommand(auditCommand, ...words);

  const { code, out } = await audit(path, ...given);
  assertEquals(code, 0, out);
  const lines = out.split("\n");
  assert(/^term 1 {7}a:\d \(/.test(lines[0]), out);
  assert(
    lines[1].startsWith(`term 3       closes in favour of function ${hex(next.domain.checksum)}`),
  );
  assert(lines[2].includes(`, function ${hex(next.domain.checksum)} (`));
  assert(/^off chain {4}term 2 a:\d: never led/.test(lines[3]), out);
  assert(lines[4].startsWith("sound: 3 certificates"), out);
  const report = JSON.parse((await audit(path, ...given, "--json")).out);
  assertEquals([report.sound, report.chain.length, report.offChain[0].neverLed], [true, 3, true]);

  const broken = await audit(
    at.folder.write("broken.json", [documents[0], documents[2]]),
    ...given,
  );
  assertEquals(broken.code, 3);
  assert(/first break {2}term 4 \(.*probably the closing certificate/.test(broken.out), broken.out);
  assert(broken.out.endsWith("not sound: 1 break, 0 documents refused\n"));

  const alone = await audit(path, ...at.given);
  assertEquals(alone.code, 3);
  assert(alone.out.includes("refused      document 2: checksum: no package"), alone.out);
});

Deno.test("audit: wrong flags and files are one line each", async () => {
  using at = world();
  const audit = (...words: string[]) => runCommand(auditCommand, ...words);
  const files: [content: unknown, message: RegExp][] = [
    ["[]", /"chain" is not an array/],
    ["", /^Cannot read chain ".*": it is empty$/],
    [Uint8Array.of(0xff), /: it is no text in UTF-8$/],
    ["[".repeat(200_000), /: it is not JSON$/],
    [certificateOf(), /: it is a single certificate and no chain: verify it$/],
  ];
  for (const [content, message] of files) {
    const path = at.folder.write("hostile.json", content);
    await rejects(audit(path, ...at.given), { code: "refused", message });
  }
  await rejects(audit(at.folder.path, ...at.given), {
    message: /^Cannot read ".*": it is a folder$/,
  });
  const chain = at.folder.write("chain.json", "[]");
  await rejects(audit(chain, "--keys", at.keys, "-c", "00".repeat(32)), {
    code: "usage",
    message: /^Cannot audit without a roster/,
  });
  const fine = at.folder.write("fine.json", [certificateOf()]);
  const file = at.folder.write("cluster.json", configFields(4, 1));
  const vouched = ["--cluster-json", file, "-c", hex(domain.checksum), "--keys", at.keys];
  assertEquals((await audit(fine, ...vouched)).code, 0);
  await rejects(audit(fine, ...at.given, "--after", "x"), { code: "usage" });
});

Deno.test("audit: with evidence the keys are proven, and the TEE has to be the one that is named", async () => {
  using at = world();
  const tee = await openSimulatedTee({
    folder: at.folder.path,
    version: "1",
    wallNow: () => Date.UTC(2024, 0, 1),
  });
  const userData = encodeUserData({
    functionChecksum: domain.checksum,
    certificateKid: key.kid,
  });
  const evidence = encodeEvidence(
    await tee.attest({
      nonce: new Uint8Array(16),
      sessionKey: new Uint8Array(32).fill(1),
      userData,
    }),
  );
  const policy = at.folder.write("policy.json", {
    platform: "simulated",
    insecureSimulatedRoot: tee.rootPem,
    measurements: tee.measurements,
  });
  const chain = (document: object) =>
    at.folder.write("chain.json", {
      chain: [document],
      keys: [key.jwk],
      evidence: [JSON.parse(new TextDecoder().decode(evidence))],
    });
  const given = ["--package", at.archive, "--policy", policy];
  assertEquals((await runCommand(auditCommand, chain(certificateOf()), ...given)).code, 0);
  const boasting = issueRoster(
    ({ claims }) => claims.tee = "nitro",
    rosterProposal(domain, 4),
    CONFIG,
    domain,
  );
  const { code, out } = await runCommand(auditCommand, chain(boasting), ...given);
  assertEquals(code, 3);
  assert(out.includes("refused      document 0: tee: "), out);
});

// ---- succession

Deno.test("succession: the operator's order is one that the electorate obeys", async () => {
  using at = world();
  const next = packed({ succeeds: hex(domain.checksum) });
  const operator = at.folder.write("operator.pem", OPERATOR.exportPem());
  const order = (...words: string[]) => runCommand(successionCommand, "--key", operator, ...words);
  const checksum = hex(next.domain.checksum);
  const ways = [
    ["--package", at.archive, "--to", at.folder.write("next.zip", next.zip)],
    ["--package", at.archive, "--to", checksum],
    ["-c", hex(domain.checksum), "--cluster", "test", "--to", checksum],
  ];
  for (const way of ways) {
    const { code, out } = await order(...way);
    assertEquals(code, 0);
    const parsed = parseSuccessionOrder(out);
    assert(typeof parsed !== "string" && isOrderBy(OPERATOR.publicKey, parsed));
    assert(!isOrderBy(voters(1)[0].publicKey, parsed));
    assertEquals(base64url(parsed.signature), orderFor(domain, fromHex(checksum)!));
  }
});

Deno.test("succession: refuses what the electorate would not obey", async () => {
  using at = world();
  const operator = at.folder.write("operator.pem", OPERATOR.exportPem());
  const other = at.folder.write("other.pem", voters(1)[0].exportPem());
  const order = (...words: string[]) => runCommand(successionCommand, ...words);
  const from = ["--package", at.archive];
  const open = at.folder.write("open.zip", packFiles("f", new Map([["app.ts", utf8("")]])).zip);
  const lone = at.folder.write("lone.zip", packed({ operatorKey: undefined }).zip);
  const refusals: [string[], RegExp][] = [
    [[...from, "--to", "ab".repeat(32)], /without --key: it is missing/],
    [[...from, "--key", operator], /without --to: it is missing/],
    [["--key", operator, "--to", "ab".repeat(32)], /^Cannot order a succession without --checksum/],
    [[...from, "--key", other, "--to", "ab".repeat(32)], /--key is the key .*, cluster.json names/],
    [[...from, "--key", at.keys, "--to", "ab".repeat(32)], /an Ed25519 private key in PEM/],
    [[...from, "--key", operator, "--to", hex(domain.checksum)], /--to is the function itself/],
    [[...from, "--key", operator, "--to", at.archive], /has no "succeeds"/],
    [[...from, "--key", operator, "--to", open], /it has no cluster.json$/],
    [["--package", lone, "--key", operator, "--to", "ab".repeat(32)], /names no operatorKey/],
    [[
      ...from,
      "--key",
      operator,
      "--to",
      at.folder.write("x.zip", packed({ cluster: "x", succeeds: hex(domain.checksum) }).zip),
    ], /its cluster is "x", not "test"/],
  ];
  for (const [words, message] of refusals) {
    await rejects(order(...words), { code: "usage", message });
  }
});

Deno.test("succession: makes a key once, and prints what cluster.json needs", async () => {
  using at = world();
  const path = `${at.folder.path}/fresh.pem`;
  const { out } = await runCommand(successionCommand, "--make-key", path);
  const [, text] = /^"operatorKey": "([\w-]{43})"\n$/.exec(out)!;
  configOf(configFields(4, 1, { operatorKey: text }));
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  await rejects(runCommand(successionCommand, "--make-key", path), {
    code: "failure",
    message: /it is there already, and is left alone$/,
  });
});

Deno.test("succession: an order file of another form is refused with a reason", () => {
  const good = {
    cluster: "test",
    checksum: "ab".repeat(32),
    successor: "cd".repeat(32),
    signature: "A".repeat(86),
  };
  assert(typeof parseSuccessionOrder(JSON.stringify(good)) !== "string");
  const faults: [object, string][] = [
    [{ x: 1 }, 'it has an unknown field "x"'],
    [{ cluster: "a b" }, '"cluster" is no name of 1..64 printable ASCII characters'],
    [{ checksum: "ab" }, '"checksum" is not 64 hex digits'],
    [{ successor: 5 }, '"successor" is not 64 hex digits'],
    [{ signature: "AA" }, '"signature" is not 64 bytes in base64url'],
  ];
  for (const [change, message] of faults) {
    assertEquals(parseSuccessionOrder(JSON.stringify({ ...good, ...change })), message);
  }
  assertEquals(parseSuccessionOrder("{"), "it is not JSON");
  assertEquals(parseSuccessionOrder("5"), "it is not a JSON object");
});

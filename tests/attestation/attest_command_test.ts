/** `fumata attest`: exit codes, what it prints, policies made from evidence. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { encodeEvidence } from "../../lib/attestation/mod.ts";
import { base64 } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import { silentLogger } from "../../lib/base/log.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { attestCommand } from "../../lib/cli/commands/attest.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { MADE_AT, makeAmd } from "./_makers.ts";
import { vectorBytes, vectorTest } from "./_vectors.ts";

const AT = ["--at", MADE_AT.toISOString()];
const amd = makeAmd();

async function attest(...words: string[]) {
  let out = "";
  const said: string[] = [];
  const code = await attestCommand.run(parseArguments(words, attestCommand), {
    out: (text) => void (out += text),
    say: (line) => void said.push(line),
    env: () => undefined,
    stdoutIsTerminal: false,
    stdinIsTerminal: false,
    verbose: false,
    logger: () => silentLogger,
    interrupted: new Promise(() => {}),
  });
  return { code, out, said: said.join("\n") };
}

async function withFiles(
  files: Record<string, Uint8Array | string>,
  run: (path: (name: string) => string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await run((name) => `${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const document = amd.report(new Uint8Array(64));
const envelope = encodeEvidence({ platform: "snp", document, endorsements: [amd.vcek] });
const goodPolicy = JSON.stringify({
  platform: "snp",
  measurements: { measurement: "aa".repeat(48) },
  roots: amd.rootsPem,
});

Deno.test("attest exits 0 for accepted evidence and 3 for refused, and says why with the attack", () =>
  withFiles(
    { good: goodPolicy, other: goodPolicy.replace("aaaa", "bbbb"), evidence: envelope },
    async (path) => {
      const accepted = await attest(path("evidence"), "--policy", path("good"), ...AT);
      strictEqual(accepted.code, 0);
      match(accepted.out, /evidence: AMD SEV-SNP\n/);
      match(accepted.out, /ok {6}measurement\n/);
      match(
        accepted.out,
        /skipped nonce: nothing was given to compare with; would stop old evidence/,
      );
      match(accepted.out, /verdict: accepted\n$/);
      const refused = await attest(path("evidence"), "--policy", path("other"), ...AT);
      strictEqual(refused.code, 3);
      match(refused.out, /FAILED {2}measurement: measurement is aaaa/);
      match(refused.out, /stops other code than the one that was reviewed/);
      match(refused.out, /verdict: genuine, but refused/);
    },
  ));

Deno.test("attest reads bare documents with their certificates, envelopes, and the base64 of either", () =>
  withFiles(
    {
      policy: goodPolicy,
      report: document,
      vcek: amd.vcek,
      envelope,
      text: base64(envelope) + "\n",
    },
    async (path) => {
      const policy = ["--policy", path("policy"), ...AT];
      strictEqual((await attest(path("envelope"), ...policy)).code, 0);
      strictEqual((await attest(path("text"), ...policy)).code, 0);
      strictEqual((await attest(path("report"), ...policy)).code, 3);
      const vcek = ["--endorsement", path("vcek")];
      strictEqual((await attest(path("report"), ...vcek, ...policy)).code, 0);
      strictEqual((await attest(path("report"), "--tee", "snp", ...vcek, ...policy)).code, 0);
    },
  ));

Deno.test("without a policy nothing is accepted, however genuine", () =>
  withFiles({ evidence: envelope, roots: amd.rootsPem }, async (path) => {
    const common = [path("evidence"), "--root", path("roots"), ...AT];
    const bare = await attest(...common);
    strictEqual(bare.code, 3);
    match(bare.out, /nothing to compare with/);
    const any = await attest(...common, "--policy", "insecure-any-measurement");
    strictEqual(any.code, 0);
    match(any.out, /skipped measurement: /);
    match(any.out, /verdict: accepted, whatever code it is \(insecure-any-measurement\)\n$/);
  }));

Deno.test("attest --json has verdict, failures with attacks, measurements and the policy as applied", () =>
  withFiles({ policy: goodPolicy, evidence: envelope }, async (path) => {
    const { code, out } = await attest(
      path("evidence"),
      "--policy",
      path("policy"),
      "--json",
      "--at",
      "2031-01-01",
    );
    strictEqual(code, 3);
    const report = JSON.parse(out);
    deepStrictEqual([report.platform, report.genuine, report.accepted], ["snp", false, false]);
    ok(report.failures.length > 0);
    for (const { check, message, attack, layer } of report.failures) {
      deepStrictEqual([check, layer], ["validity", "signature"]);
      ok(message && attack);
    }
    strictEqual(report.measurements.measurement, "aa".repeat(48));
    strictEqual(report.policy.vmplMax, "1");
    deepStrictEqual(report.unchecked, [
      "nonce",
      "binding",
      "function-checksum",
      "certificate-key",
      "isolation",
      "host-data",
      "revocation",
    ]);
  }));

Deno.test("attest --print-policy makes a policy that accepts, and none from refused evidence", () =>
  withFiles({ evidence: envelope, roots: amd.rootsPem }, async (path) => {
    const common = [path("evidence"), "--policy", "insecure-any-measurement"];
    const made = await attest(...common, "--root", path("roots"), ...AT, "--print-policy");
    strictEqual(made.code, 0);
    await Deno.writeTextFile(path("made"), made.out);
    strictEqual((await attest(path("evidence"), "--policy", path("made"), ...AT)).code, 0);
    // Against AMD's own roots the self-made report is not genuine.
    const none = await attest(...common, ...AT, "--print-policy");
    deepStrictEqual([none.code, none.out], [3, ""]);
    match(none.said, /no policy is made/);
  }));

Deno.test("attest shows a simulated TEE as simulated, and accepts it only under its own root", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tee = await openSimulatedTee({ folder, version: "1.2.3" });
    const { document } = await tee.attest({
      nonce: new Uint8Array(16).fill(1),
      sessionKey: new Uint8Array(32),
      userData: new Uint8Array(0),
    });
    const { measurements, rootPem } = tee;
    const pinned = { platform: "simulated", measurements, insecureSimulatedRoot: rootPem };
    await withFiles(
      { document, root: rootPem, policy: JSON.stringify(pinned) },
      async (path) => {
        const any = ["--policy", "insecure-any-measurement"];
        const unpinned = await attest(path("document"), ...any);
        strictEqual(unpinned.code, 3);
        match(unpinned.out, /SIMULATED TEE/);
        const posing = await attest(path("document"), "--tee", "nitro", ...any);
        strictEqual(posing.code, 3);
        match(posing.out, /FAILED {2}simulated: the document is of a simulated TEE/);
        const rooted = ["--tee", "nitro", "--root", path("root"), ...any];
        strictEqual((await attest(path("document"), ...rooted)).code, 3);
        strictEqual((await attest(path("document"), "--policy", path("policy"))).code, 0);
        const nonce = ["--nonce", "01".repeat(16)];
        strictEqual((await attest(path("document"), "--policy", path("policy"), ...nonce)).code, 0);
        const other = ["--nonce", "02".repeat(16)];
        strictEqual((await attest(path("document"), "--policy", path("policy"), ...other)).code, 3);
        const printed = await attest(
          path("document"),
          "--root",
          path("root"),
          ...any,
          "--print-policy",
        );
        deepStrictEqual(JSON.parse(printed.out), pinned);
      },
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what attest cannot use is an error that names it", () =>
  withFiles(
    {
      evidence: envelope,
      policy: goodPolicy,
      nonsense: "nonsense",
      empty: "",
      huge: new Uint8Array(16 * 1024 * 1024 + 1),
      nitro: Uint8Array.of(0x84, 0),
    },
    async (path) => {
      const wrong: [string[], RegExp][] = [
        [[path("none")], /Cannot read ".*none"/],
        [[path("nonsense")], /kind of evidence cannot be told/],
        [[path("evidence"), "--policy", path("nonsense")], /Cannot use policy/],
        [[path("evidence"), "--policy", path("none")], /Cannot read/],
        [[path("evidence"), "--policy", path("policy"), "--tee", "tdx"], /policy is for snp/],
        [[path("evidence"), "--at", "noon"], /not a time/],
        [[path("evidence"), "--at", "document"], /no time of its own/],
        [[path("evidence"), "--at", "1"], /not a time/],
        [[path("evidence"), "--at", "2026-01-10T12:00"], /not a time/],
        [[path("evidence"), "--nonce", "?"], /neither hex nor base64/],
        [[path("evidence"), "--checksum", "aa"], /it has 1 bytes, a SHA-256 has 32/],
        [[path("empty")], /it is empty/],
        [[path("huge")], /more than 16777216 bytes/],
        [["-", "--policy=-"], /"-" twice/],
        [[path("evidence"), "--crl=-", "--endorsement=-"], /"-" twice/],
        [[path("evidence"), "--collateral", path("policy")], /--collateral: it is for tdx and sgx/],
        [[path("nitro"), "--crl", path("policy")], /--crl: it is for snp, .* of nitro/],
        [[path("nitro"), "--endorsement", path("policy")], /--endorsement: it is for snp/],
        [[path("evidence"), "--root", path("nonsense")], /no certificate/],
        [[path("evidence"), "--endorsement", path("nonsense")], /Cannot use endorsement/],
      ];
      for (const [words, pattern] of wrong) {
        await rejects(attest(...words), (thrown) => {
          ok(thrown instanceof FumataError, String(thrown));
          match(thrown.message, pattern);
          return true;
        });
      }
    },
  ));

vectorTest(
  "attest judges a document of three hours at its own time, and collateral with a quote",
  async () => {
    const files = {
      document: vectorBytes("nitro/cape-2022-09-15-production-nonce-userdata-publickey.cose"),
      quote: vectorBytes("tdx/v4-phala-2025.quote.bin"),
      collateral: vectorBytes("tdx/v4-phala-2025.collateral.json"),
    };
    await withFiles(files, async (path) => {
      const any = ["--policy", "insecure-any-measurement"];
      strictEqual((await attest(path("document"), ...any)).code, 3);
      strictEqual((await attest(path("document"), ...any, "--at", "document")).code, 0);
      const quote = [path("quote"), ...any, "--collateral", path("collateral"), "--at"];
      const current = await attest(...quote, "2025-06-25T00:00:00Z");
      strictEqual(current.code, 0);
      match(current.out, /tcb_status +UpToDate/);
      strictEqual((await attest(...quote, "2025-10-23T00:00:00Z")).code, 3);
    });
  },
);

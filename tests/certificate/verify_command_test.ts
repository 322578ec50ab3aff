/** `fumata verify` from words to exit code, with real files and real (simulated) evidence. */
import { deepStrictEqual as assertEquals, ok as assert, rejects } from "node:assert";
import { encodeEvidence, encodeUserData } from "../../lib/attestation/mod.ts";
import { hex } from "../../lib/base/bytes.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { CommandContext } from "../../lib/cli/command.ts";
import { verifyCommand } from "../../lib/cli/commands/verify.ts";
import { openSimulatedTee } from "../../lib/tee/simulated.ts";
import { certificateKey } from "../function/_world.ts";
import { DOMAIN, issue } from "./_issue.ts";

const key = certificateKey();
const CHECKSUM = hex(DOMAIN.checksum);

/** A folder with a good certificate, keys, evidence and a policy. */
async function withFiles(
  run: (
    files: Record<string, string>,
    write: (name: string, value: unknown) => string,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "verify" });
  const write = (name: string, value: unknown) => {
    const path = `${folder}/${name}`;
    Deno.writeTextFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
    return path;
  };
  try {
    // Long ago: the certificate of the evidence is over, its own time counts.
    const tee = await openSimulatedTee({
      folder,
      version: "1",
      wallNow: () => Date.UTC(2024, 0, 1),
    });
    const evidenceOf = async (checksum: Uint8Array) =>
      new TextDecoder().decode(encodeEvidence(
        await tee.attest({
          nonce: new Uint8Array(16),
          sessionKey: new Uint8Array(32).fill(1),
          userData: encodeUserData({ functionChecksum: checksum, certificateKid: key.kid }),
        }),
      ));
    const evidence = await evidenceOf(DOMAIN.checksum);
    await run({
      certificate: write("certificate.json", issue()),
      whole: write("whole.json", { ...issue(), keys: [key.jwk], evidence: [JSON.parse(evidence)] }),
      keys: write("keys.json", { keys: [key.jwk] }),
      evidence: write("evidence.json", evidence),
      otherEvidence: write("other.json", await evidenceOf(new Uint8Array(32))),
      policy: write("policy.json", {
        platform: "simulated",
        insecureSimulatedRoot: tee.rootPem,
        measurements: tee.measurements,
      }),
    }, write);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs the command; stdout and stderr as texts. */
async function verify(...words: string[]): Promise<{ code: number; out: string; said: string }> {
  let [out, said] = ["", ""];
  const context: Partial<CommandContext> = {
    out: (text) => void (out += text),
    say: (line) => void (said += `${line}\n`),
  };
  const args = parseArguments([...words, "--cluster", "test"], verifyCommand);
  const code = await verifyCommand.run(args, context as CommandContext);
  return { code, out, said };
}

Deno.test("with keys given it says what was proven and what is taken on trust", () =>
  withFiles(async ({ certificate, keys }) => {
    const { code, out, said } = await verify(
      certificate,
      "-c",
      CHECKSUM,
      "--keys",
      keys,
      "--allow-open",
    );
    assertEquals([code, said], [0, ""]);
    for (
      const line of [
        "term         1",
        "proven       3 of the 5 nodes that it lists voted for exactly this proposal",
        "on trust     that this key was born in an enclave that runs this function: --keys says so",
        "not proven   that no later term exists",
      ]
    ) assert(out.includes(`${line}\n`), out);
    assert(out.endsWith("verified\n"));
  }));

Deno.test("with evidence the key is proven; a simulated TEE is named as such", () =>
  withFiles(async ({ certificate, whole, keys, evidence, policy }) => {
    const ways = [
      [whole, "--policy", policy],
      [whole, "--policy", policy, "--evidence", evidence],
      [certificate, "--policy", policy, "--evidence", evidence, "--keys", keys],
    ];
    for (const way of ways) {
      const { code, out } = await verify(...way, "-c", CHECKSUM, "--allow-open");
      assertEquals(code, 0);
      assert(
        out.includes(`proven       the key belongs to function ${CHECKSUM} in a simulated TEE`),
      );
      assert(
        out.includes("on trust     the simulated TEE: whoever holds its root can sign anything"),
      );
    }
  }));

Deno.test("a simulated TEE is named as such wherever a certificate is shown, and cannot pass as another", () =>
  withFiles(async ({ certificate, keys, evidence, policy }, write) => {
    const vouched = [certificate, "-c", CHECKSUM, "--keys", keys, "--allow-open"];
    const shown = await verify(...vouched);
    assert(
      shown.out.includes("\ntee          SIMULATED TEE (no hardware protection)\n"),
      shown.out,
    );
    assertEquals(JSON.parse((await verify(...vouched, "--json")).out).tee, "simulated");
    // The simulated enclave's key signs that it comes from real hardware.
    const posing = write("posing.json", issue(({ claims }) => claims.tee = "nitro"));
    const { code, said } = await verify(
      ...[posing, "-c", CHECKSUM, "--allow-open", "--keys", keys],
      ...["--policy", policy, "--evidence", evidence],
    );
    assertEquals([code, said], [
      3,
      'refused: tee: it says that it comes from the TEE "nitro"; its key belongs to simulated\n',
    ]);
  }));

Deno.test("a policy for real hardware refuses a certificate whose evidence is simulated", () =>
  withFiles(async ({ whole }, write) => {
    for (const platform of ["nitro", "snp", "tdx", "sgx"]) {
      const any = { platform, measurements: "insecure-any-measurement" };
      await rejects(
        verify(whole, "-c", CHECKSUM, "--allow-open", "--policy", write("any.json", any)),
        { code: "refused", exitCode: 3, message: /of a simulated TEE, which protects nothing/ },
      );
    }
  }));

Deno.test("as JSON it says the same", () =>
  withFiles(async ({ certificate, keys }) => {
    const words = [certificate, "-c", CHECKSUM, "--keys", keys, "--json"];
    const good = await verify(...words, "--allow-open");
    const report = JSON.parse(good.out);
    assertEquals([good.code, report.verified, report.term, report.leaderName], [
      0,
      true,
      1,
      "127.0.0.1:5004",
    ]);
    assertEquals([report.proven.length, report.trusted.length, report.notProven.length], [3, 1, 4]);
    const bad = await verify(...words);
    assertEquals(bad.code, 3);
    assertEquals(JSON.parse(bad.out).failures.map(({ check }: { check: string }) => check), [
      "kind",
    ]);
  }));

Deno.test("an open certificate is refused unless it is asked for", () =>
  withFiles(async ({ certificate, keys }) => {
    const { code, out, said } = await verify(certificate, "-c", CHECKSUM, "--keys", keys);
    assertEquals([code, out], [3, ""]);
    assert(said.startsWith("refused: kind: it is of an open cluster"));
    assert(said.includes("--allow-open accepts it"));
  }));

Deno.test("another function, a broken signature or another draw ends with 3", () =>
  withFiles(async ({ certificate, keys }, write) => {
    const given = ["--keys", keys, "--allow-open"];
    const other = await verify(certificate, "-c", "00".repeat(32), ...given);
    assertEquals(other.code, 3);
    assert(other.said.startsWith(`refused: checksum: the function checksum is ${CHECKSUM}`));
    const changed = issue();
    const forged = write("forged.json", {
      ...changed,
      certificate: changed.certificate.slice(0, -8) + "AAAAAAAA",
    });
    const broken = await verify(forged, "-c", CHECKSUM, ...given);
    assertEquals([broken.code, broken.said], [
      3,
      "refused: signature: the certificate's signature is not valid\n",
    ]);
    const draw = await verify(certificate, "-c", CHECKSUM, ...given, "--draw", "random");
    assertEquals([draw.code, draw.said], [
      3,
      'refused: policy: the policy is "highest"; "random" is wanted\n',
    ]);
  }));

Deno.test("keys inside the file are no trust root", () =>
  withFiles(async ({ whole }) => {
    await rejects(verify(whole, "-c", CHECKSUM, "--allow-open"), {
      code: "usage",
      message: /^Cannot verify without a trusted key: give --policy/,
    });
  }));

Deno.test("evidence that the policy or the checksum refuses is not used", () =>
  withFiles(async ({ certificate, whole, keys, otherEvidence, policy }, write) => {
    const words = ["-c", CHECKSUM, "--allow-open", "--keys", keys];
    await rejects(verify(whole, ...words, "--policy", policy, "--evidence", otherEvidence), {
      code: "refused",
      message: /^Cannot trust the evidence: ".*other.json": the function is 0{64}, expected/,
    });
    await rejects(verify(certificate, ...words, "--policy", policy), {
      code: "refused",
      message: "Cannot trust the evidence: there is none; give --evidence",
    });
    const strict = {
      ...JSON.parse(Deno.readTextFileSync(policy)),
      measurements: { pcr0: "00".repeat(48) },
    };
    await rejects(verify(whole, ...words, "--policy", write("strict.json", strict)), {
      code: "refused",
      message: /^Cannot trust the evidence: .*pcr0/,
    });
  }));

Deno.test("evidence is judged at a time that is given, and what is none is said to be none", () =>
  withFiles(async ({ certificate, keys, evidence, policy }, write) => {
    const words = [certificate, "-c", CHECKSUM, "--allow-open", "--keys", keys, "--policy", policy];
    const at = (time: string) => verify(...words, "--evidence", evidence, "--at", time);
    assertEquals((await at("2024-01-01T00:00:00Z")).code, 0);
    await rejects(at("2034-01-01T00:00:00Z"), {
      code: "refused",
      message: /^Cannot trust the evidence: /,
    });
    for (const time of ["noon", "2034", "2034-01-01T00:00:00"]) {
      await rejects(at(time), {
        code: "usage",
        message: `Cannot use --at "${time}": it is not a time; write 2026-01-10T12:00:00Z`,
      });
    }
    await rejects(verify(...words, "--evidence", write("none.json", "[]")), {
      code: "refused",
      message: /^Cannot trust the evidence: ".*none.json": /,
    });
  }));

Deno.test("evidence names a key that nobody gave", () =>
  withFiles(async ({ certificate, evidence, policy }) => {
    const words = ["-c", CHECKSUM, "--policy", policy, "--evidence", evidence];
    await rejects(verify(certificate, ...words), {
      code: "refused",
      message:
        /^Cannot verify: the evidence names the key .*, and neither FILE nor --keys holds it$/,
    });
  }));

Deno.test("wrong flags and files are one line each", () =>
  withFiles(async ({ certificate, keys }, write) => {
    const good = ["-c", CHECKSUM, "--keys", keys];
    await rejects(verify(certificate, "--keys", keys), {
      message: /^Cannot verify without --checksum: it is missing/,
    });
    await rejects(verify(certificate, "-c", "xyz", "--keys", keys), { message: /"xyz" is none/ });
    await rejects(verify("/no/such/file", ...good), {
      message: 'Cannot read "/no/such/file": there is no such file',
    });
    await rejects(verify(write("empty.json", ""), ...good), {
      code: "refused",
      message: /^Cannot read certificate ".*": it is empty$/,
    });
    await rejects(verify(write("chain.json", { chain: [] }), ...good), {
      code: "refused",
      message: /: it is a chain of certificates and no single one: audit it$/,
    });
    const garbage = write("garbage.json", "{");
    await rejects(verify(garbage, ...good), { code: "refused", message: /it is not JSON$/ });
    await rejects(verify(certificate, "-c", CHECKSUM, "--keys", garbage), {
      code: "usage",
      message: /is not JSON$/,
    });
    const weak = write("weak.json", [{ kty: "RSA", n: "AQAB", e: "AQAB" }]);
    await rejects(verify(certificate, "-c", CHECKSUM, "--keys", weak), {
      code: "usage",
      message: /key 0 has a/,
    });
  })); // deno-fmt-ignore

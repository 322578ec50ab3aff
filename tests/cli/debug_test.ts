/** The report on a node: what is in it, and that no secret is, wherever it stood. */
import { deepStrictEqual as assertEquals, ok as assert, rejects } from "node:assert";
import { strFromU8, unzipSync } from "fflate";
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { CommandContext } from "../../lib/cli/command.ts";
import { debugCommand } from "../../lib/cli/commands/debug.ts";
import { redactJson, redactText } from "../../lib/cli/debug/redact.ts";
import { ownLoopback } from "../_loopback.ts";
import { TestFolder } from "../certificate/_command.ts";
import { FakeNode, MEMBER, STATUS } from "./_fake_node.ts";

const TOKEN = "c2VjcmV0LW9mLXRoZS1ub2RlLWluLWl0cy1mb2xkZXI";
const PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----";

async function report(folder: TestFolder, node: FakeNode, ...flags: string[]) {
  let out = "";
  const context: Partial<CommandContext> = {
    out: (text) => void (out += text),
    say: () => {},
    env: () => undefined,
  };
  const zip = `${folder.path}/report.zip`;
  const words = [
    zip,
    ...["--node", node.address],
    ...["--token-file", folder.write("token", TOKEN), ...flags],
  ];
  const code = await debugCommand.run(
    parseArguments(words, debugCommand),
    context as CommandContext,
  );
  const files = Object.entries(unzipSync(Deno.readFileSync(zip)))
    .map(([name, bytes]): [string, string] => [name, strFromU8(bytes)]);
  return {
    code,
    out,
    files: new Map(files),
    mode: Deno.statSync(zip).mode! & 0o777,
    words,
    context,
  };
}

Deno.test("the report holds state, events, metrics and settings, and says so", async () => {
  using folder = new TestFolder();
  await using node = new FakeNode({
    "/metrics": "fumata_term 7\n",
    "/v1/evidence": { evidence: [] },
  });
  const config = folder.write("node.json", { port: 5000, "http-token-file": "/etc/token" });
  const asked = report(folder, node, "--config", config);
  await node.followed;
  node.tell(1, "leaderless", { level: "info", message: "no leader", time: "2026-01-02T03:04:05Z" });
  const { code, out, files, mode } = await asked;
  assertEquals([code, mode], [0, 0o600]);
  assertEquals([...files.keys()].sort(), [
    "about.json",
    "certificate.json",
    "events.jsonl",
    "evidence.json",
    "leader.json",
    "members.json",
    "metrics.txt",
    "settings.json",
    "status.json",
  ]);
  assertEquals(JSON.parse(files.get("status.json")!), STATUS);
  assertEquals(files.get("metrics.txt"), "fumata_term 7\n");
  assert(files.get("events.jsonl")!.includes('"message":"no leader"'));
  // Where a secret lies is no secret; and what is missing says why.
  assert(files.get("settings.json")!.includes("/etc/token"));
  assert(files.get("certificate.json")!.startsWith("status 404"));
  for (const name of files.keys()) assert(out.includes(name));
});

Deno.test("no secret is in the report, wherever it stood", async () => {
  using folder = new TestFolder();
  await using node = new FakeNode({
    "/v1/status": { ...STATUS, cluster: TOKEN, nested: [{ httpToken: "t0ps3cret" }] },
    "/v1/members": {
      members: [{ ...MEMBER, tags: { hook: "https://u:t0ps3cret@h/x?key=t0ps3cret" } }],
    },
    "/metrics": `x ${TOKEN}\nAuthorization: Bearer t0ps3cret\n`,
    "/v1/leader": { [TOKEN]: 1, jwk: { kty: "RSA", n: "public", d: "t0ps3cret" }, pem: PEM },
  });
  const config = folder.write("node.json", {
    on: [
      "elected=https://hooks.example/services/t0ps3cret",
      "deposed=KEY=t0ps3cret ./notify -u me:t0ps3cret",
    ],
  });
  const asked = report(folder, node, "--config", config);
  await node.followed;
  node.tell(1, "hook-failed", {
    level: "warn",
    message: `posting ${TOKEN} to http://a:t0ps3cret@h/`,
  });
  const all = [...(await asked).files.values()].join("");
  for (const secret of [TOKEN, "t0ps3cret", "MC4CAQ"]) assert(!all.includes(secret), secret);
  assert(all.includes('"n": "public"'));
});

Deno.test("each form of secret is taken out, and what is none stays", () => {
  assertEquals(redactText("x http://a.b/c?d=e y", []), "x http://a.b/c?[redacted] y");
  assertEquals(redactText("http://u:p@a.b/c", []), "http://[redacted]@a.b/c");
  assertEquals(redactText(`a${PEM}b`, []), "a[redacted]b");
  assertEquals(redactText("a bearer abc.def==", []), "a Bearer [redacted]");
  assertEquals(redactText("abc", ["b", ""]), "a[redacted]c");
  assertEquals(redactJson({ k: 1, "token-file": "f", x: { password: ["y"] }, tokens: 3 }, []), {
    k: "[redacted]",
    "token-file": "f",
    x: { password: "[redacted]" },
    tokens: "[redacted]",
  });
});

Deno.test("a report never replaces a file, and a node that is not there is no report", async () => {
  using folder = new TestFolder();
  const node = new FakeNode({}, 0, ownLoopback());
  folder.write("report.zip", "mine");
  await rejects(report(folder, node), /it is there already; name another file/);
  assertEquals(Deno.readTextFileSync(`${folder.path}/report.zip`), "mine");
  await node[Symbol.asyncDispose]();
  await rejects(report(folder, node), /nothing listens there/);
});

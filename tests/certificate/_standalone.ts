/** The verifier without dependencies against the project's own: the same cases for both, on Deno and on Node. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { utf8 } from "../../lib/base/bytes.ts";
import {
  type CertificateFailure,
  type CertificatePins,
  type CertificateVerdict,
  verifyCertificate,
} from "../../lib/certificate/mod.ts";
import { runCases } from "./_standalone_runner.js";

/** One document, and what both verifiers are to hold it against. */
export interface StandaloneCase {
  readonly what: string;
  readonly document: unknown;
  /** For the project's verifier, and for the one without dependencies. */
  readonly pins: CertificatePins;
  readonly alonePins: object;
  readonly stored?: { cluster: string; term: number; id: string };
  /** What the standalone verifier says where the project's verdict is not the whole of it: `fence`, or `document`, whatever its words. */
  readonly wanted?: "fence" | "document";
}

/** Tests that both find the same, in the same words and order, and accept so many of the cases. */
export function testAgreement(about: string, cases: readonly StandaloneCase[], accepted: number) {
  const inputs = cases.map(({ document, alonePins, stored }) => ({
    document,
    pins: alonePins,
    stored,
  }));
  const compare = (results: readonly string[]) => {
    assertEquals(
      cases.map(({ what, wanted }, i) => `${what}: ${shortened(results[i], wanted)}`),
      cases.map((item) => `${item.what}: ${expected(item)}`),
    );
    const ok = cases.filter((_, i) => results[i].startsWith("ok")).map(({ what }) => what);
    assertEquals(ok.length, accepted, ok.join("; "));
  };
  Deno.test(`${about}: on Deno it finds what the project's own verifier finds, in its words`, async () => {
    compare(await runCases(inputs));
  });
  Deno.test(`${about}: on Node, too`, async () => {
    const version = await nodeVersion();
    if (version === undefined || version < 20) {
      console.log("skipped: no Node of version 20 or later is installed");
      return;
    }
    compare(await runOnNode(version, inputs));
  });
}

function shortened(result: string, wanted: StandaloneCase["wanted"]): string {
  return wanted === "document" && /^document: [^\n]+$/.test(result) ? wanted : result;
}

/** What the project's own verifier says. */
function expected({ document, pins, wanted }: StandaloneCase): string {
  return wanted ?? foundBy(verifyCertificate(document, pins));
}

/** A verdict as `_standalone_runner.js` writes it. */
export function foundBy(verdict: CertificateVerdict): string {
  if (verdict.ok) return `ok ${verdict.certificate.id}`;
  return verdict.failures.filter(isSaidOnce).map(({ check, message }) => `${check}: ${message}`)
    .join("\n");
}

/** The name of a roster's cluster is pinned twice there, and stands in cluster.json only here. */
function isSaidOnce({ check, message }: CertificateFailure): boolean {
  return check !== "cluster" || !message.includes("the package has");
}

async function runOnNode(version: number, inputs: readonly object[]): Promise<string[]> {
  const runner = new URL("_standalone_runner.js", import.meta.url).pathname;
  // Since 22, Node knows a module by its content; before, it has to be told.
  const asModule = version < 22 ? ["--experimental-default-type=module"] : [];
  const command = new Deno.Command("node", {
    args: [...asModule, "--no-warnings", runner, "stdin"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = command.stdin.getWriter();
  // A Node that failed reads no more; its words say why.
  await writer.write(utf8(JSON.stringify(inputs))).then(() => writer.close()).catch(() => {});
  const { success, stdout, stderr } = await command.output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function nodeVersion(): Promise<number | undefined> {
  try {
    const { stdout } = await new Deno.Command("node", { args: ["--version"] }).output();
    return Number(/^v(\d+)/.exec(new TextDecoder().decode(stdout))?.[1]);
  } catch {
    return undefined;
  }
}

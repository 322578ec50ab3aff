/**
 * The examples in other languages do what they say: they take a genuine certificate and refuse a forged one; and they do not notice what they
 * say that they do not notice. Where a language or its library is not installed, that is printed and the test is skipped.
 */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { hex } from "../../lib/base/bytes.ts";
import { certificateKey } from "../function/_world.ts";
import { TestFolder } from "../certificate/_command.ts";
import { issue, signJws, type Unsigned } from "../certificate/_issue.ts";
import { DOMAIN, issueClosing, issueRoster, rosterClaims } from "../certificate/_issue_roster.ts";

const HERE = new URL("./", import.meta.url).pathname;
const CHECKSUM = hex(DOMAIN.checksum);
const good = issueRoster();
const changed = (change: (unsigned: Unsigned) => void) => issueRoster(change);

/** A certificate of another type with the very claims: what keeps the two apart is `typ` alone. */
function underType(typ: string): { certificate: string; bundle: unknown[] } {
  const { header, claims } = rosterClaims();
  return { certificate: signJws({ ...header, typ }, claims), bundle: [] };
}

const CASES: [string, object, number][] = [
  ["a genuine certificate", good, 0],
  ["one without votes, which it says that it does not look at", { ...good, bundle: [] }, 0],
  ["a changed signature", { ...good, certificate: good.certificate.slice(0, -8) + "AAAAAAAA" }, 3],
  ["another function", changed(({ claims }) => claims.iss = `fumata:${"00".repeat(32)}`), 3],
  ["another cluster", changed(({ claims }) => claims.aud = "other"), 3],
  ["another algorithm", changed(({ header }) => header.alg = "HS256"), 3],
  ["no algorithm", changed(({ header }) => header.alg = "none"), 3],
  ["another key", changed(({ header }) => header.kid = "x".repeat(43)), 3],
  ["the type of an open cluster", underType("election-open+jwt"), 3],
  ["an open certificate", issue(), 3],
  ["a closing certificate", issueClosing(), 3],
  ["no certificate", {}, 3],
];

/** What a command printed and its code; `undefined` when it is not there. */
async function output(
  program: string,
  args: string[],
  options: Deno.CommandOptions = {},
): Promise<{ code: number; text: string } | undefined> {
  try {
    const { code, stdout, stderr } = await new Deno.Command(program, { args, ...options }).output();
    return { code, text: [stdout, stderr].map((part) => new TextDecoder().decode(part)).join("") };
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

/** Runs all cases through a program that takes the paths of a certificate and of the keys. */
async function check(
  run: (certificate: string, keys: string) => Promise<{ code: number; text: string }>,
): Promise<void> {
  using folder = new TestFolder();
  const keys = folder.write("keys.json", { keys: [certificateKey().jwk] });
  for (const [what, document, wanted] of CASES) {
    const { code, text } = await run(folder.write("certificate.json", document), keys);
    assertEquals(code, wanted, `${what}: ${text}`);
    if (wanted === 0) {
      assert(/^signature valid: a:\d leads test in term 1$/m.test(text), text);
      assert(text.includes("not proven: that a quorum voted for it"), text);
      assertEquals(text.match(/^not proven: /gm)?.length, 5);
    } else assert(text.startsWith("refused: "), text);
  }
}

/** Where Debian's golang-github-golang-jwt-jwt-dev puts the library. */
const GO_LIBRARY = "/usr/share/gocode/src/github.com/golang-jwt/jwt";

/** Exit code of an example whose library is not installed. */
const NOT_INSTALLED = 77;

Deno.test("Python: PyJWT checks the signature, and says what that does not prove", async () => {
  const script = `${HERE}verify.py`;
  for (const python of ["python3", "/usr/bin/python3"]) {
    const probe = await output(python, [script, "--help"]);
    if (!probe || probe.code === NOT_INSTALLED) continue;
    const rest = ["--checksum", CHECKSUM, "--cluster", "test"];
    await check(async (certificate, keys) => {
      return (await output(python, [script, certificate, keys, ...rest]))!;
    });
    return;
  }
  console.log("skipped: no Python with PyJWT is installed");
});

Deno.test("Go: golang-jwt checks the signature, and says what that does not prove", async () => {
  using folder = new TestFolder();
  const program = `${folder.path}/verify`;
  // The library comes from what is on this machine already (as a Debian package, or downloaded before): a test downloads nothing.
  const isPackaged = await Deno.stat(GO_LIBRARY).then(() => true, () => false);
  const wanted = Deno.readTextFileSync(`${HERE}go/go.mod`);
  const replaced = isPackaged ? `\nreplace github.com/golang-jwt/jwt/v4 => ${GO_LIBRARY}\n` : "";
  const modules = folder.write("go.mod", wanted + replaced);
  const env = { GOFLAGS: "-mod=mod", GOPROXY: "off", GOTOOLCHAIN: "local" };
  const args = ["build", "-modfile", modules, "-o", program, "."];
  const built = await output("go", args, { cwd: `${HERE}go`, env });
  if (!built || /missing go.sum entry|module lookup disabled|cannot find module/.test(built.text)) {
    console.log("skipped: no Go with golang-jwt is installed");
    return;
  }
  assertEquals(built.code, 0, built.text);
  await check(async (certificate, keys) => {
    return (await output(program, [certificate, keys, CHECKSUM, "test"]))!;
  });
});

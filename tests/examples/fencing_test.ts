/** The fenced ledger obeys the present leader and refuses everything that is over, forked, forged or of another kind, also after a restart. */
import { deepStrictEqual as assertEquals, match } from "node:assert";
import { base64url, hex } from "../../lib/base/bytes.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { TestFolder } from "../certificate/_command.ts";
import { issue } from "../certificate/_issue.ts";
import { DOMAIN, issueRoster, PROPOSAL } from "../certificate/_issue_roster.ts";
import { configFields } from "../function/_roster.ts";
import { certificateKey } from "../function/_world.ts";
import { FencedLedger } from "./fencing/ledger.ts";

const PINS = {
  checksum: hex(DOMAIN.checksum),
  clusterJson: JSON.stringify(configFields(4, 1)),
  keys: [certificateKey().jwk],
};
const ofTerm = (term: number, more: object = {}) =>
  issueRoster(undefined, { ...PROPOSAL, term, ...more });

Deno.test("a leader that was deposed cannot write any more, the one after it can", async () => {
  using ledger = new FencedLedger(":memory:", PINS);
  assertEquals(await ledger.write(ofTerm(20), "by the old leader"), undefined);
  assertEquals(await ledger.write(ofTerm(20), "once more"), undefined);
  assertEquals(await ledger.write(ofTerm(21), "by the new leader"), undefined);
  match(await ledger.write(ofTerm(20), "late") ?? "", /term 20 is over/);
  assertEquals(ledger.entries().map(({ term, text }) => [term, text]), [
    [20, "by the old leader"],
    [20, "once more"],
    [21, "by the new leader"],
  ]);
});

Deno.test("of two certificates of one term the second is refused", async () => {
  using ledger = new FencedLedger(":memory:", PINS);
  const other = { prev: base64url(sha256(new Uint8Array([1]))) };
  assertEquals(await ledger.write(ofTerm(20), "first"), undefined);
  match(await ledger.write(ofTerm(20, other), "second") ?? "", /fork|another certificate/i);
  assertEquals(ledger.entries().length, 1);
});

Deno.test("what no quorum signed, an open cluster's certificate and nonsense do not raise the term", async () => {
  using ledger = new FencedLedger(":memory:", PINS);
  const alone = { ...ofTerm(99), bundle: [] };
  for (const document of [alone, issue(), null, {}]) {
    match(await ledger.write(document, "no") ?? "", /./);
  }
  assertEquals(await ledger.write(ofTerm(20), "yes"), undefined);
  assertEquals(ledger.entries().map(({ text }) => text), ["yes"]);
});

Deno.test("the ledger remembers the term when its program starts again", async () => {
  using folder = new TestFolder();
  const path = `${folder.path}/ledger.db`;
  {
    using ledger = new FencedLedger(path, PINS);
    assertEquals(await ledger.write(ofTerm(21), "before"), undefined);
  }
  using ledger = new FencedLedger(path, PINS);
  match(await ledger.write(ofTerm(20), "late") ?? "", /term 20 is over/);
});

Deno.test("the program writes for the leader and exits with 3 for who is none any more", async () => {
  using folder = new TestFolder();
  const pins = folder.write("pins.json", PINS);
  const write = async (term: number) => {
    const program = new URL("fencing/write.ts", import.meta.url).pathname;
    const certificate = folder.write("certificate.json", ofTerm(term));
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", program, `${folder.path}/l.db`, pins, certificate, "row"],
    }).output();
    return [code, new TextDecoder().decode(stderr).slice(0, 9)];
  };
  assertEquals(await write(21), [0, ""]);
  assertEquals(await write(20), [3, "refused: "]);
});

/** The page in a real browser, before real nodes of a roster cluster: through a crash of the leader, on a phone, by keyboard. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { PAGE_ROUTES } from "../../lib/api/routes/page.ts";
import type { Page } from "../_browser.ts";
import { openSimulatedTee, type SimulatedTee } from "../../lib/tee/simulated.ts";
import { TestFolder } from "../certificate/_command.ts";
import { leaseHolder } from "../node/_roster.ts";
import { type Cast, CHROMIUM, setOpenStage, setStage, type Stage } from "./_stage.ts";

const LEADS = "document.querySelector('#headline').textContent.includes(' leads')";
/** Elections in which a liar comes to lie: in each it does with a chance of more than one in two. */
const TERMS_MAX = 40;

function pageTest(name: string, run: (stage: Stage) => Promise<void>, cast?: Cast): void {
  Deno.test({
    name,
    ignore: !CHROMIUM,
    async fn() {
      await using stage = await setStage(4, 1, cast);
      await run(stage);
    },
  });
}

async function openAt(stage: Stage, url: string, width = 1200): Promise<Page> {
  const page = await stage.browser.newPage();
  await page.look({ width, height: 800 });
  await page.open(`${url}/`);
  await page.until(LEADS);
  return page;
}

/** Has the page verify, gives what it says, and takes that away. */
async function verdictOn(page: Page): Promise<string> {
  await page.click("#verify");
  await page.until("/Genuine|Refused|can't/.test(document.querySelector('#verdict').textContent)");
  const said = await page.text("#verdict");
  await page.evaluate("document.querySelector('#verdict').replaceChildren()");
  return said;
}

pageTest(
  "the leader crashes before the eyes of the page, and the next one is on it",
  async (stage) => {
    const { leader, served } = stage;
    const follower = served.find((one) => one !== leader)!;
    const page = await openAt(stage, follower.url);
    const [first, term] = [leader.test.node.name, leader.test.node.term];
    strictEqual(await page.text("#headline"), `${first} leads`);
    await page.until("document.querySelectorAll('#members [data-state=alive]').length === 4");
    match(await page.text("#trust"), /TEE is simulated: it proves nothing about the hardware/);
    ok((await page.text("#facts")).includes(String(term)));
    await page.until("document.querySelectorAll('#votes .good').length >= 3");

    await page.click("#verify");
    await page.until("document.querySelector('#verdict').textContent.includes('Genuine')");
    await leader[Symbol.asyncDispose]();
    await page.until(
      `${LEADS} && !document.querySelector('#headline').textContent.startsWith(${
        JSON.stringify(`${first} `)
      })`,
    );
    await page.until("document.querySelectorAll('#members [data-state=dead]').length === 1");
    await page.until(`document.querySelector('#timeline').textContent.includes('${first} failed')`);
    await page.until("document.querySelector('#events').textContent.includes('leader of term')");
    await page.until("/earlier certificate/.test(document.querySelector('#verdict').textContent)");
    const ring = "document.querySelector('#ring svg')?.getAttribute('aria-label')";
    await page.until(`/^4 members, 3 alive, n\\d leads$/.test(${ring})`);
    deepStrictEqual(page.complaints, []);
    ok(page.requested.every((url) => url.startsWith(follower.url) || url === "data:,"));
  },
);

pageTest(
  "verify in this browser: genuine as it is, refused under another checksum, with the words of either",
  async (stage) => {
    const page = await openAt(stage, stage.leader.url);
    const verify = () => verdictOn(page);
    const genuine = await verify();
    match(genuine, /Genuine: n\d leads term \d+\./);
    match(
      genuine,
      /Proven here[^]*[34] of the 4 voters voted for exactly this proposal; 3 are needed/,
    );
    match(genuine, /On trust[^]*cluster.json is that of the function: this node says so/);
    match(genuine, /Not proven[^]*a simulated TEE shows which key signed, and no more/);
    const pin = (checksum: string) =>
      page.evaluate(`document.querySelector('#pin-checksum').value = '${checksum}'`);
    await pin("0".repeat(64));
    match(await verify(), /Refused[^]*checksum: the function checksum is/);
    await pin("not hex");
    match(await verify(), /can't be checked: .*64 lower-case hex digits/);
    await page.evaluate(`document.querySelector('#pin-checksum').value = ''`);
    await page.answerFor((url) => url.endsWith("/v1/keys") ? { keys: [] } : undefined);
    match(await verify(), /Refused[^]*key: /);
  },
);

pageTest(
  "a certificate that was tampered with on the way is refused by the browser, not by the node",
  async (stage) => {
    const page = await openAt(stage, stage.leader.url);
    const document = structuredClone(stage.leader.test.node.leader!.document);
    await page.answerFor((url) =>
      url.endsWith("/v1/certificate")
        ? { ...document, bundle: document.bundle.slice(0, 1) }
        : undefined
    );
    await page.click("#verify");
    await page.until("/Refused/.test(document.querySelector('#verdict').textContent)");
    match(await page.text("#verdict"), /quorum: 1 of 4 nodes voted; 3 are needed/);
  },
);

pageTest(
  "a voter that votes twice is named in red at the top, with its two votes",
  async (stage) => {
    const [witness, ...others] = stage.served;
    const liar = others.at(-1)!.test.node;
    const page = await openAt(stage, witness.url);
    // In a term in which the liar collects, or is not asked, it has no second vote to send.
    for (let terms = 0; witness.test.node.evidence.length === 0; terms++) {
      ok(terms < TERMS_MAX, `after ${terms} elections nobody has named it`);
      await electAnew(stage);
    }
    await page.until("!document.querySelector('#forks').hidden");
    await page.until("document.querySelector('main > section:not([hidden])').id === 'forks'");
    const [proof] = witness.test.node.evidence;
    ok(proof.type === "votes" && proof.liar === liar.id);
    const said = await page.text("#forks");
    ok(said.includes(`${liar.name} voted twice in term ${proof.votes[0].term}`), said);
    const shown = "document.querySelector('#forks pre').textContent";
    deepStrictEqual(JSON.parse(await page.evaluate(shown)), JSON.parse(JSON.stringify(proof)));
    const [red, green, blue] = await page.evaluate<number[]>(
      "getComputedStyle(document.querySelector('#forks h2')).color.match(/\\d+/g).map(Number)",
    );
    ok(red > 2 * green && red > 2 * blue, `${red} ${green} ${blue}`);
    const told = `proof of a lie in term ${proof.votes[0].term} by ${liar.name}`;
    await page.until(`document.querySelector('#events').textContent.includes('${told}')`);
    await page.until(`document.querySelector('#timeline').textContent.includes('${told}')`);
    deepStrictEqual(page.complaints, []);
  },
  { withLiar: true },
);

/** Has the leader step down; resolves when another election has made a leader with a lease. */
async function electAnew({ served }: Stage): Promise<void> {
  const nodes = served.map(({ test }) => test);
  const marks = nodes.map(({ listener }) => listener.said.length);
  nodes.find(({ node }) => node.leaseRemainingMs() > 0)?.node.stepDown();
  await leaseHolder(nodes, marks);
}

const HOSTILE = { x: "<img/src=x/onerror=alert(1)>", y: "<script>alert(1)</script>" };
pageTest("what members call themselves is text, whatever it looks like", async (stage) => {
  const page = await openAt(stage, stage.leader.url);
  await page.until("document.querySelector('#members').textContent.includes('onerror')");
  strictEqual(await page.evaluate("document.querySelectorAll('main img, main script').length"), 0);
  deepStrictEqual(page.complaints, []);
}, { tags: HOSTILE });

pageTest("it fits a phone, works by keyboard, and says when the node is gone", async (stage) => {
  const { leader } = stage;
  const page = await openAt(stage, leader.url, 360);
  const isWide = "document.documentElement.scrollWidth > 360";
  strictEqual(await page.evaluate(isWide), false);
  await page.press("Tab");
  match(await page.evaluate("document.activeElement.className"), /skip/);
  for (let i = 0; i < 12; i++) {
    if (await page.evaluate("document.activeElement.id === 'verify'")) break;
    await page.press("Tab");
  }
  await page.press("Enter");
  await page.until("document.querySelector('#verdict').textContent.includes('Genuine')");
  strictEqual(await page.evaluate(isWide), false);
  const unnamed = await page.evaluate(
    "[...document.querySelectorAll('section')].filter((one) => !document.getElementById(one.getAttribute('aria-labelledby'))).length",
  );
  strictEqual(unnamed, 0);
  await leader[Symbol.asyncDispose]();
  await page.until("document.body.hasAttribute('data-stale')");
  match(await page.text("#link"), /the node does not answer/);
});

pageTest("text has a contrast of 4.5 to 1 or more, in light and in dark", async (stage) => {
  const page = await openAt(stage, stage.leader.url);
  await page.click("#verify");
  await page.until("document.querySelector('#verdict').textContent.includes('Genuine')");
  for (const dark of [false, true]) {
    await page.look({ width: 1200, height: 800, dark });
    const faint = await page.evaluate<string[]>(FAINT_TEXTS);
    deepStrictEqual(faint, [], dark ? "dark" : "light");
  }
});

Deno.test({
  name:
    "the certificate of an open cluster is verified in the browser, and the evidence for its key",
  ignore: !CHROMIUM,
  async fn() {
    using folder = new TestFolder();
    const [tee, other] = await Promise.all(
      ["tee", "other"].map((name) =>
        openSimulatedTee({ folder: `${folder.path}/${name}`, version: "1" })
      ),
    );
    await using stage = await setOpenStage(3, tee);
    const page = await openAt(stage, stage.leader.url);
    await page.until("!document.querySelector('#verify-part').hidden");
    const verify = () => verdictOn(page);
    const bring = (input: string, file: object) =>
      page.evaluate(`(() => {
        const files = new DataTransfer();
        files.items.add(new File([${JSON.stringify(JSON.stringify(file))}], "mine.json"));
        document.querySelector("#${input}").files = files.files;
      })()`);
    const profile = ({ measurements, rootPem }: SimulatedTee) => ({
      attestation: { platform: "simulated", measurements, insecureSimulatedRoot: rootPem },
    });
    const name = stage.leader.test.node.name;

    const onTrust = await verify();
    ok(onTrust.includes(`Genuine: ${name} was elected in term`), onTrust);
    match(onTrust, /of an open cluster, which fences nothing/);
    match(onTrust, /[23] of the 3 nodes that it lists voted/);
    match(onTrust, /this key was born in an enclave .*: this node says so/);
    match(onTrust, /Not proven[^]*that it is the only leader/);
    ok(!page.requested.some((url) => url.endsWith("/evidence.js")));

    await bring("pin-policy", profile(tee));
    const proven = await verify();
    match(proven, /Proven here[^]*the key belongs to function [0-9a-f]{64} in a simulated TEE/);
    match(proven, /On trust[^]*whoever holds its root can sign anything/);
    ok(!proven.includes("this key was born"), proven);

    await bring("pin-policy", profile(other));
    match(await verify(), /Refused[^]*evidence: /);
    await bring("pin-policy", { platform: "snp", measurements: "insecure-any-measurement" });
    match(await verify(), /can't be checked: browsers do not judge evidence of platform snp/);

    await bring("pin-policy", profile(tee));
    await page.evaluate("document.querySelector('#pin-name').value = 'other'");
    match(await verify(), /Refused[^]*cluster: the cluster is "test"; "other" is wanted/);
    ok(page.requested.every((url) => url.startsWith(stage.leader.url) || url === "data:,"));
    deepStrictEqual(page.complaints, []);
  },
});

Deno.test("what the page loads is smaller than 150 kB, and nothing in it comes from elsewhere", async () => {
  let bytes = 0;
  for (const route of PAGE_ROUTES) {
    const answer = await route.handle({} as Parameters<typeof route.handle>[0]);
    ok("text" in answer);
    // Fetched only by readers who bring a policy.
    if (route.path !== "/evidence.js") bytes += new TextEncoder().encode(answer.text).length;
    match(answer.headers!["content-security-policy"], /^default-src 'none'; script-src 'self'/);
    ok(!/(?:src|href)="(?:https?:)?\/\//.test(answer.text) && !/@import|\burl\(/.test(answer.text));
  }
  ok(bytes > 10_000 && bytes < 150_000, String(bytes));
});

/** Visible texts whose colour is too close to what is behind them (WCAG 2.2, 1.4.3: relative luminance of both). */
const FAINT_TEXTS = `(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = (color) => {
    const [r, g, b] = color.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasText || element.offsetParent === null) continue;
    const [a, b] = [luminance(rgb(getComputedStyle(element).color)), luminance(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(element.textContent.slice(0, 40) + " " + ratio.toFixed(2));
  }
  return faint;
})()`;

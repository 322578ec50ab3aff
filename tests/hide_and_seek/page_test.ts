/** The page of hide and seek in a real browser, against a real host: two people, one enclave. Skipped where there is no Chromium. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import { fileURLToPath } from "node:url";
import { hex } from "../../lib/base/bytes.ts";
import { deployPackage } from "../../lib/enclave/client/mod.ts";
import { packFolder } from "../../lib/package/mod.ts";
import { startWorld, type World } from "../enclave/_harness.ts";
import { Browser, findChromium, type MockedPosition, type Page } from "../_browser.ts";

const FOLDER = fileURLToPath(new URL("../../function/hide-and-seek", import.meta.url));
const CHROMIUM = findChromium();
if (!CHROMIUM) console.log("skipped: there is no Chromium on this machine");

const EIFFEL_TOWER = { latitude: 48.8584, longitude: 2.2945 };
const NEARBY = { latitude: 48.86, longitude: 2.3 };
const NEW_YORK = { latitude: 40.6892, longitude: -74.0445 };

const SIMULATED = "document.querySelector('#trust').dataset.state === 'simulated'";
const REFUSED = "document.querySelector('#trust').dataset.state === 'refused'";
const IS_READY = "!document.querySelector('#hide').disabled";

interface Stage extends AsyncDisposable {
  readonly world: World;
  readonly url: string;
  readonly checksum: string;
  /** A page of its own profile that stands somewhere. */
  pageAt(position?: MockedPosition): Promise<Page>;
}

async function setStage(): Promise<Stage> {
  const world = await startWorld();
  const { token, policy } = world;
  const { zip, checksum, folder: name } = await packFolder(FOLDER);
  await deployPackage({ url: world.host.url, token, policy, zip, name, isPublic: true });
  const browser = await Browser.start(CHROMIUM!);
  return {
    world,
    url: `${world.host.url}/hide-and-seek`,
    checksum: hex(checksum),
    async pageAt(position) {
      const page = await browser.newPage();
      if (position) await page.standAt(world.host.url, position);
      return page;
    },
    async [Symbol.asyncDispose]() {
      await browser[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

function pageTest(name: string, run: (stage: Stage, t: Deno.TestContext) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !CHROMIUM,
    async fn(t) {
      await using stage = await setStage();
      await run(stage, t);
    },
  });
}

async function hideAt(page: Page): Promise<string> {
  await page.click("#hide");
  await page.until("!document.querySelector('#hidden-place').hidden");
  return await page.evaluate("document.querySelector('#hidden-text').value");
}

async function seekFrom(page: Page, secret: string): Promise<string> {
  await page.evaluate(`document.querySelector('#sought-text').value = ${JSON.stringify(secret)}`);
  await page.click("#seek");
  await page.until(IS_READY);
  return await page.evaluate("document.querySelector('#answer').textContent");
}

pageTest("one hides, another seeks, and nobody else is asked", async (stage, t) => {
  const hider = await stage.pageAt(EIFFEL_TOWER);
  await hider.open(stage.url);
  await hider.until(IS_READY);

  await t.step("the page shows what was verified", async () => {
    const shown = await hider.text("#trust");
    assert(shown.includes("only simulated"), shown);
    assert(shown.includes("protects nothing"), shown);
    assert(shown.includes(stage.checksum), shown);
    assert(shown.includes(String(measured(stage))), shown);
    await hider.click("#trust-details summary");
    assert(
      (await hider.text("#trust-checks")).includes("function-checksum: stops another function"),
    );
  });

  const secret = await hideAt(hider);
  await t.step("the place leaves the browser encrypted, to be copied", async () => {
    assert(/^cape:[A-Za-z0-9+/]{700,}=*$/.test(secret), secret.slice(0, 80));
    assert((await hider.text("#hide-status")).startsWith("You are hidden, to within 10 m."));
    await hider.click("#copy");
    await hider.until("document.querySelector('#copy-status').textContent === 'Copied.'");
  });

  const seeker = await stage.pageAt(NEW_YORK);
  await seeker.open(stage.url);
  await seeker.until(IS_READY);
  const answers: string[] = [];
  for (const position of [NEW_YORK, NEARBY, EIFFEL_TOWER]) {
    await seeker.standAt(stage.world.host.url, position);
    answers.push(await seekFrom(seeker, `  ${secret.slice(0, 300)}\n${secret.slice(300)} `));
  }
  assert(/^Not even close! still 58\d{5}\.\d+ meters away$/.test(answers[0]), answers[0]);
  assert(/^Getting closer! still 44\d\.\d+ meters away$/.test(answers[1]), answers[1]);
  assertEquals(answers[2], "Congrats you found the treasure!");

  for (const page of [hider, seeker]) {
    assertEquals(page.complaints, []);
    const { host } = new URL(stage.url);
    const elsewhere = page.requested.filter((url) =>
      !url.startsWith("data:") && new URL(url).host !== host
    );
    assertEquals(elsewhere, []);
  }
});

function measured(stage: Stage): unknown {
  const { measurements } = stage.world.policy;
  return typeof measurements === "string" ? measurements : measurements.pcr0;
}

pageTest(
  "an enclave that is not the pinned one is refused, plainly and before anything leaves",
  async (stage) => {
    const named = await (await fetch(`${stage.url}/pins`)).json();
    const lies: [Record<string, unknown>, string][] = [
      [{ function_checksum: "00".repeat(32) }, "the function is"],
      [
        { policy: { ...named.policy, measurements: { pcr0: "11".repeat(48) } } },
        "other code than the one that was reviewed",
      ],
      [
        { policy: { platform: "nitro", measurements: { pcr0: "11".repeat(48) } } },
        "a program without any hardware protection that poses as a TEE",
      ],
      [{ policy: { platform: "simulated" } }, 'Cannot use policy "of the host"'],
    ];
    for (const [lie, reason] of lies) {
      const before = stage.world.host.counters().length;
      const page = await stage.pageAt(EIFFEL_TOWER);
      await page.answerFor((url) => url.endsWith("/pins") ? { ...named, ...lie } : undefined);
      await page.open(stage.url);
      await page.until(REFUSED);
      const shown = await page.text("#trust");
      assert(shown.includes("Not verified. Hiding and seeking are switched off."), shown);
      assert(shown.includes(reason), shown);
      assert(!shown.includes("Verified by"), shown);
      assert(await page.evaluate("document.querySelector('#hide').disabled"));
      assert(await page.evaluate("document.querySelector('#seek').disabled"));
      const counts = stage.world.host.counters().slice(before);
      assert(counts.every((count) => count.bytesAfterNonce === 0));
    }
  },
);

pageTest("what goes wrong is said in words, and one can try again", async (stage) => {
  const page = await stage.pageAt();
  await page.open(stage.url);
  await page.until(SIMULATED);
  await page.until(IS_READY);
  const failed = (id: string) => page.until(`document.querySelector('${id}').matches('.failed')`);

  await page.denyPosition(stage.world.host.url);
  await page.click("#hide");
  await failed("#hide-status");
  await page.until(IS_READY);
  assertEquals(
    await page.text("#hide-status"),
    "Your browser does not tell this page where you are; allow it and try again.",
  );

  await seekFrom(page, "somewhere");
  await failed("#seek-status");
  assert((await page.text("#seek-status")).includes("it has to begin with cape:"));

  await page.standAt(stage.world.host.url, EIFFEL_TOWER);
  await seekFrom(page, "cape:AAAA");
  await failed("#seek-status");
  const text = await page.text("#seek-status");
  assert(text.includes("not for the key of this account"), text);
  assert(await page.evaluate("document.querySelector('#answer').hidden"));

  assertEquals(await seekFrom(page, await hideAt(page)), "Congrats you found the treasure!");
});

pageTest("the keyboard alone is enough", async (stage) => {
  const page = await stage.pageAt(EIFFEL_TOWER);
  await page.open(stage.url);
  await page.until(IS_READY);
  const focused = () =>
    page.evaluate<string>("document.activeElement.id || document.activeElement.tagName");
  await page.press("Tab");
  assertEquals(await focused(), "SUMMARY");
  await page.press("Tab");
  assertEquals(await focused(), "hide");
  await page.press("Enter");
  await page.until("!document.querySelector('#hidden-place').hidden");
  await page.until(IS_READY);
  assertEquals(await focused(), "hidden-text");
  const secret = await page.evaluate<string>("document.activeElement.value");
  await page.press("Tab");
  assertEquals(await focused(), "copy");
  await page.press("Tab");
  assertEquals(await focused(), "sought-text");
  await page.type(secret);
  await page.press("Tab");
  assertEquals(await focused(), "seek");
  await page.press("Enter");
  await page.until("!document.querySelector('#answer').hidden");
  assertEquals(await page.text("#answer"), "Congrats you found the treasure!");
});

pageTest("it fits a phone, and is legible in the dark", async (stage) => {
  const page = await stage.pageAt(EIFFEL_TOWER);
  const grounds: string[] = [];
  for (const dark of [false, true]) {
    for (const width of [320, 390, 1280]) {
      await page.look({ width, height: 800, dark });
      await page.open(stage.url);
      await page.until(IS_READY);
      await hideAt(page);
      await page.click("#trust-details summary");
      const widest = await page.evaluate("document.documentElement.scrollWidth");
      assert(Number(widest) <= width, `${widest} px at a width of ${width}`);
    }
    grounds.push(await page.evaluate("getComputedStyle(document.body).backgroundColor"));
  }
  assert(grounds[0] !== grounds[1]);
});

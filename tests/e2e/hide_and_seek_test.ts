/** Hide and seek as its owner sets it up and two people play it: real processes, the shipped function, a real browser. */
import { deepStrictEqual as assertEquals, match, ok, strictEqual } from "node:assert";
import { Browser, findChromium, type Page } from "../_browser.ts";
import { Sandbox } from "./program.ts";

const CHROMIUM = findChromium();
if (!CHROMIUM) console.log("skipped: there is no Chromium on this machine");

const EIFFEL_TOWER = { latitude: 48.8584, longitude: 2.2945 };
const NEARBY = { latitude: 48.86, longitude: 2.3 };
const IS_READY = "!document.querySelector('#hide').disabled";

Deno.test({
  name: "an owner deploys hide and seek, one hides, another seeks in a browser",
  ignore: !CHROMIUM,
  async fn() {
    await using sandbox = await Sandbox.create();
    await using enclave = sandbox.start("enclave", "--port", "0");
    const [, url] = await enclave.line(/enclave host at (http:[^\s,]+)/);
    const deployed = await sandbox.run(
      "deploy",
      "function/hide-and-seek",
      "--public",
      "-o",
      "json",
    );
    strictEqual(deployed.code, 0, deployed.err);
    const { function_checksum: checksum } = JSON.parse(deployed.out);

    await using browser = await Browser.start(CHROMIUM!);
    const open = async (position: { latitude: number; longitude: number }): Promise<Page> => {
      const page = await browser.newPage();
      await page.standAt(url, position);
      await page.open(`${url}/hide-and-seek`);
      await page.until(IS_READY);
      return page;
    };
    const hider = await open(EIFFEL_TOWER);
    ok((await hider.text("#trust")).includes(checksum));
    await hider.click("#hide");
    await hider.until("!document.querySelector('#hidden-place').hidden");
    const secret = await hider.evaluate<string>("document.querySelector('#hidden-text').value");

    const seeker = await open(NEARBY);
    await seeker.evaluate(`document.querySelector('#sought-text').value = '${secret}'`);
    await seeker.click("#seek");
    await seeker.until("!document.querySelector('#answer').hidden");
    match(await seeker.text("#answer"), /^Getting closer! still 44\d\.\d+ meters away$/);
    assertEquals([...hider.complaints, ...seeker.complaints], []);
    enclave.signal("SIGINT");
    strictEqual((await enclave.finished()).code, 0);
  },
});

/**
 * A headless Chromium for tests, driven through the DevTools protocol over `ws`: pages with a mocked position, whose traffic and
 * complaints are kept.
 */
// @ts-types="@types/ws"
import { WebSocket } from "ws";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** Nothing of this browser may talk to anybody but the page's host. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  "--remote-debugging-port=0",
];

/** How long anything on the page may take, ms, on a busy machine, too. */
const PATIENCE_MS = 90_000;

/** A command of the protocol, and an event. Their fields are those of the protocol's documentation. */
// deno-lint-ignore no-explicit-any
type Fields = any;

/** A place that a page is told it is at. */
export interface MockedPosition {
  readonly latitude: number;
  readonly longitude: number;
  readonly accuracy?: number;
}

/** Path of a Chromium on this machine. */
export function findChromium(): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":").filter((folder) => folder !== "");
  return folders.flatMap((folder) => NAMES.map((name) => `${folder}/${name}`)).find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** A running browser. */
export class Browser implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;
  readonly #drained: Promise<void>;
  readonly #socket: WebSocket;
  readonly #closed: Promise<void>;
  readonly #waiting = new Map<number, (answer: Fields) => void>();
  readonly #listeners = new Map<string, (method: string, parameters: Fields) => void>();
  #lastId = 0;

  private constructor(
    process: Deno.ChildProcess,
    folder: string,
    drained: Promise<void>,
    socket: WebSocket,
  ) {
    this.#process = process;
    this.#folder = folder;
    this.#drained = drained;
    this.#socket = socket;
    this.#closed = new Promise((resolve) => socket.on("close", () => resolve()));
    socket.on("message", (data: Uint8Array) => {
      const { id, sessionId, method, params, ...answer } = JSON.parse(
        new TextDecoder().decode(data),
      );
      if (id === undefined) this.#listeners.get(sessionId)?.(method, params);
      else this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
  }

  static async start(program: string): Promise<Browser> {
    const folder = await Deno.makeTempDir({ prefix: "fumata-browser-" });
    const process = new Deno.Command(program, {
      args: [...FLAGS, `--user-data-dir=${folder}`, "about:blank"],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const reader = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    let address: string | undefined;
    while (!address) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`Chromium ended: ${said}`);
      said += value;
      address = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
    }
    const drained = (async () => {
      while (!(await reader.read()).done);
    })();
    const socket = new WebSocket(address, { perMessageDeflate: false });
    await new Promise((resolve, reject) => {
      socket.on("open", resolve);
      socket.on("error", reject);
    });
    return new Browser(process, folder, drained, socket);
  }

  /** A blank page in a profile of its own. */
  async newPage(): Promise<Page> {
    const { browserContextId } = await this.send("Target.createBrowserContext", {});
    const { targetId } = await this.send("Target.createTarget", {
      url: "about:blank",
      browserContextId,
    });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId, browserContextId);
    this.#listeners.set(sessionId, (method, parameters) => page.hear(method, parameters));
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await page.send(`${domain}.enable`);
    return page;
  }

  /** Gives a command; rejects with the browser's error. */
  send(method: string, parameters: Fields, sessionId?: string): Promise<Fields> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result);
      });
      this.#socket.send(JSON.stringify({ id, method, params: parameters, sessionId }));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.send("Browser.close", {});
    await this.#process.status;
    this.#socket.terminate();
    await Promise.all([this.#closed, this.#drained]);
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** One page. */
export class Page {
  /** Addresses of all that it asked for. */
  readonly requested: string[] = [];
  /** Errors and warnings in its console, and what its policy of content stopped. */
  readonly complaints: string[] = [];
  readonly #browser: Browser;
  readonly #session: string;
  readonly #context: string;
  /** What is to become of its requests, if it is to be changed. */
  #answer: ((url: string) => Fields | undefined) | undefined;

  constructor(browser: Browser, session: string, context: string) {
    this.#browser = browser;
    this.#session = session;
    this.#context = context;
  }

  send(method: string, parameters: Fields = {}): Promise<Fields> {
    return this.#browser.send(method, parameters, this.#session);
  }

  hear(method: string, parameters: Fields): void {
    switch (method) {
      case "Network.requestWillBeSent":
        this.requested.push(parameters.request.url);
        break;
      case "Network.webSocketCreated":
        this.requested.push(parameters.url);
        break;
      case "Log.entryAdded":
        // "Not found" is an answer of the interface (there is no leader now), which the page puts into words.
        if (!/the server responded with a status of 404/.test(parameters.entry.text)) {
          this.complaints.push(parameters.entry.text);
        }
        break;
      case "Runtime.exceptionThrown":
        this.complaints.push(parameters.exceptionDetails.exception?.description ?? "exception");
        break;
      case "Runtime.consoleAPICalled":
        this.complaints.push(parameters.args.map((arg: Fields) => arg.value).join(" "));
        break;
      case "Fetch.requestPaused": {
        const { requestId } = parameters;
        const body = this.#answer?.(parameters.request.url);
        if (body === undefined) this.send("Fetch.continueRequest", { requestId });
        else {
          this.send("Fetch.fulfillRequest", {
            requestId,
            responseCode: 200,
            responseHeaders: [{ name: "content-type", value: "application/json" }],
            body: btoa(JSON.stringify(body)),
          });
        }
      }
    }
  }

  /** Answers requests in place of the host where the function gives a body. */
  async answerFor(answer: (url: string) => Fields | undefined): Promise<void> {
    this.#answer = answer;
    await this.send("Fetch.enable", {});
  }

  /** Grants the page its position, and says where it is. */
  async standAt(origin: string, position: MockedPosition): Promise<void> {
    await this.#browser.send("Browser.grantPermissions", {
      origin,
      browserContextId: this.#context,
      permissions: ["geolocation", "clipboardReadWrite", "clipboardSanitizedWrite"],
    });
    await this.send("Emulation.setGeolocationOverride", { accuracy: 10, ...position });
  }

  /** Has the page not know where it is. */
  async denyPosition(origin: string): Promise<void> {
    await this.#browser.send("Browser.setPermission", {
      origin,
      browserContextId: this.#context,
      permission: { name: "geolocation" },
      setting: "denied",
    });
  }

  async open(url: string): Promise<void> {
    const { errorText } = await this.send("Page.navigate", { url });
    if (errorText) throw new Error(errorText);
    await this.until("document.readyState === 'complete'");
  }

  /** The value of an expression; promises are waited for. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description);
    return result.value;
  }

  /** Waits until an expression is true, looking whenever the page changes. */
  async until(condition: string): Promise<void> {
    const isSo = await this.evaluate<boolean>(`new Promise((resolve) => {
      const look = () => { if (${condition}) { stop(); resolve(true); } };
      const observer = new MutationObserver(look);
      const timer = setTimeout(() => { stop(); resolve(false); }, ${PATIENCE_MS});
      const stop = () => { observer.disconnect(); clearTimeout(timer); removeEventListener("load", look); };
      addEventListener("load", look);
      observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
      look();
    })`);
    if (!isSo) {
      throw new Error(`never came to be: ${condition}; the page says: ${await this.text("body")}`);
    }
  }

  /** What a person reads of an element. */
  async text(selector: string): Promise<string> {
    return await this.evaluate(`document.querySelector(${JSON.stringify(selector)}).innerText`);
  }

  async click(selector: string): Promise<void> {
    await this.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
  }

  /** Presses a key as a keyboard does. */
  async press(key: "Tab" | "Enter"): Promise<void> {
    const code = { Tab: 9, Enter: 13 }[key];
    const text = key === "Enter" ? "\r" : undefined;
    const common = { key, code: key, windowsVirtualKeyCode: code };
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", text, ...common });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...common });
  }

  /** Writes text where the focus is. */
  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  /** The size of the window, and whether the system is dark. */
  async look(options: { width: number; height: number; dark?: boolean }): Promise<void> {
    const { width, height, dark = false } = options;
    await this.send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 500,
    });
    const value = dark ? "dark" : "light";
    await this.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value }],
    });
  }

  /** The whole page as PNG, base64. */
  async screenshot(): Promise<string> {
    return (await this.send("Page.captureScreenshot", { captureBeyondViewport: true })).data;
  }
}

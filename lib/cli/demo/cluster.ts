/**
 * The processes of the demo: one enclave host and the nodes, all runs of this very program. Whatever is done to them is done with signals, or
 * over their HTTP interface; whatever they do comes as log lines and goes into the model.
 */
import { tokenOfFolder } from "../../api/control_file.ts";
import type { SelfCommand } from "../self.ts";
import { markDemoFolder } from "./demo_mark.ts";
import type { DemoModel } from "./model.ts";
import { applyNodeRecord } from "./node_records.ts";
import type { ChildProcess, LogRecord } from "./process.ts";
import { type Voter, writeRosterPackage } from "./roster_package.ts";
import { type Missing, Supervisor } from "./supervisor.ts";
import type { Witness } from "./witness.ts";

/** The cluster's name: nodes of other clusters on this machine are not heard. */
export const DEMO_CLUSTER = "demo";

/** The most nodes that live at once: each takes some 100 MB. */
export const NODES_LIVE_MAX = 12;

/** How long the host, the deployment and the attestation may each take, ms: at its first start a host makes its keys, on a busy machine for minutes. */
const LAUNCH_TIMEOUT_MS = 200_000;

/** What the cluster works with. */
export interface ClusterOptions {
  readonly self: SelfCommand;
  /** A folder of the demo's own; whoever made it removes it. */
  readonly folder: string;
  /** The folder of the election function. */
  readonly functionFolder: string;
  /** How many voters the roster has; left out for an open cluster. */
  readonly voters?: number;
  readonly model: DemoModel;
  /** Makes the judge once the function is deployed. */
  readonly attest: (deployed: Deployed) => Promise<Witness>;
  /** Something happened. */
  readonly onChange?: () => void;
}

/** What `fumata deploy -o json` printed, and the profile to use with it. */
export interface Deployed {
  readonly profilePath: string;
  readonly functionId: string;
  readonly functionChecksum: string;
}

/** What is known once the enclave is up and attested. */
export interface Launched extends Deployed {
  /** Where the host listens. */
  readonly url: string;
  readonly witness: Witness;
}

/** The running cluster. */
export class DemoCluster implements AsyncDisposable {
  readonly model: DemoModel;
  readonly #options: ClusterOptions;
  readonly #supervisor: Supervisor;
  readonly #processes = new Map<string, ChildProcess>();
  #launched?: Launched;
  #nodesMade = 0;

  constructor(options: ClusterOptions) {
    this.model = options.model;
    this.#options = options;
    this.#supervisor = new Supervisor(options.self, () => {
      const { violation } = this.model;
      if (violation) this.fail(this.#supervisor.failureOf("refused", violation));
      options.onChange?.();
    });
  }

  /** Whether it is a roster cluster: nobody can be added, and the leader holds a lease. */
  get isRoster(): boolean {
    return this.#options.voters !== undefined;
  }

  /** Rejects with the first thing that goes wrong, whenever it does. */
  get failed(): Promise<never> {
    return this.#supervisor.failed;
  }

  /** Makes everything that waits on the cluster fail with this. */
  fail(thrown: unknown): void {
    this.#supervisor.fail(thrown);
  }

  /** Starts the enclave host, deploys the function and attests both. */
  async launch(): Promise<Launched> {
    const { folder, attest, model, voters } = this.#options;
    const profilePath = `${folder}/profile.json`;
    const say = (text: string) => model.note(text, performance.now(), "gone");
    await markDemoFolder(folder);
    const url = await this.#startEnclave(profilePath);
    say(`enclave host at ${url}; it makes its keys, which takes some seconds`);
    if (voters !== undefined) {
      await this.#writePackage(voters);
      say(`${voters} nodes made their keys; the roster of these is in the package`);
    }
    const deployed = await this.#deploy(profilePath);
    const { functionId, functionChecksum } = deployed;
    say(`function ${functionId} deployed, checksum ${functionChecksum}`);
    const witness = await this.#soon(attest(deployed), "the enclave is not attested", "enclave");
    model.tee = witness.tee;
    model.policy = witness.policy;
    model.checksum = functionChecksum;
    model.electorate = witness.electorate;
    say(`attested: TEE ${witness.tee}, policy ${witness.policy}, certificates by ${witness.kid}`);
    return this.#launched = { ...deployed, url, witness };
  }

  /** Starts one more node; gives its name. */
  addNode(what = "started"): string {
    const name = `node-${++this.#nodesMade}`;
    this.#startNode(name, `${name} ${what}`);
    return name;
  }

  /** Ends a node with SIGKILL: a crash. */
  kill(name: string): void {
    const what = `${this.#described(name)} killed`;
    this.#process(name).signal("SIGKILL");
    this.#changed(name, "killed", what);
  }

  /** Stops a node with SIGSTOP: it is silent, but not gone. */
  pause(name: string): void {
    const what = `${this.#described(name)} paused`;
    this.#process(name).signal("SIGSTOP");
    this.#changed(name, "paused", what);
  }

  /** Lets a paused node go on. */
  resume(name: string): void {
    this.#process(name).signal("SIGCONT");
    this.#changed(name, "runs", `${name} resumed`);
  }

  /** Starts a killed node or one that left again, with the identity and the memory that it had. */
  revive(name: string): void {
    this.model.makeLiar(name, false);
    this.#startNode(name, `${name} revived`);
  }

  /** Somebody takes a node over, with its key and its memory: from now on a program runs there that votes twice. */
  async takeOver(name: string): Promise<void> {
    const child = this.#process(name);
    child.signal("SIGKILL");
    this.model.changed(name, "killed", undefined, performance.now());
    // It holds the lock of its folder until it is gone.
    await child.ended;
    this.model.makeLiar(name, true);
    this.#startNode(name, `${name} is taken over and lies from now on`, "demo-liar");
  }

  /** Asks the leader to step down, as `fumata step-down` does: a planned hand-over. */
  async handOver(name: string): Promise<void> {
    const { http } = this.model.nodes.get(name) ?? {};
    if (http === undefined) throw new Error(`Broken invariant: ${name} leads without HTTP`);
    this.model.handsOver(name, performance.now());
    const token = tokenOfFolder(this.#folderOf(name));
    const response = await fetch(`http://${http}/v1/step-down`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
      },
      body: "{}",
    });
    await response.body?.cancel();
    // Refused only when somebody else leads by now, which is as good.
    this.#supervisor.changed();
  }

  /** Lets a node leave by SIGINT, as Ctrl-C would. */
  leave(name: string): void {
    const what = `${this.#described(name)} leaves`;
    this.#process(name).signal("SIGINT");
    this.#changed(name, "leaving", what);
  }

  /** Resolves after so long; rejects with what goes wrong meanwhile. */
  async rest(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    await Promise.race([over, this.failed]).finally(() => clearTimeout(timer));
  }

  /** Resolves when `holds`, which is asked after everything that happens; see {@linkcode Supervisor.until}. */
  until(holds: () => boolean, timeoutMs: number, missing: () => Missing): Promise<void> {
    return this.#supervisor.until(holds, timeoutMs, missing);
  }

  /** Ends all processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor[Symbol.asyncDispose]();
  }

  async #startEnclave(profilePath: string): Promise<string> {
    const { folder, model } = this.#options;
    const listening = Promise.withResolvers<string>();
    this.#supervisor.spawn("enclave", [
      ...["enclave", "--port", "0", "--data", `${folder}/enclave`],
      ...["--no-profile", "--profile-out", profilePath, "--log", "json"],
    ], {
      record({ event, level, message, fields }) {
        if (event === "listening") listening.resolve(String(fields.url ?? ""));
        else if (level === "warn" || level === "error") {
          const mood = level === "warn" ? "warning" : "bad";
          model.note(`enclave: ${message}`, performance.now(), mood);
        }
      },
      ended: () => "unexpected",
    });
    return await this.#soon(listening.promise, "the enclave host does not listen", "enclave");
  }

  /** What a person does with `fumata identity` on each machine and an editor. */
  async #writePackage(count: number): Promise<void> {
    const { functionFolder } = this.#options;
    const names = Array.from({ length: count }, (_, i) => `node-${i + 1}`);
    const voters = await Promise.all(names.map(async (name): Promise<Voter> => {
      const words = ["identity", "--state", this.#folderOf(name), "--json"];
      const { id, key } = await this.#answer(`identity of ${name}`, words);
      return { name, id: String(id), key: String(key) };
    }));
    await writeRosterPackage(functionFolder, this.#packageFolder, DEMO_CLUSTER, voters);
  }

  async #deploy(profilePath: string): Promise<Deployed> {
    const what = this.isRoster
      ? [this.#packageFolder]
      : [this.#options.functionFolder, "--policy", "random"];
    const words = ["deploy", ...what, "-o", "json", "--profile", profilePath];
    const said = await this.#answer("deploy", words);
    const { function_id: functionId, function_checksum: functionChecksum } = said;
    if (typeof functionId !== "string" || typeof functionChecksum !== "string") {
      throw this.#supervisor.failureOf("failure", "deploy printed no function id and checksum");
    }
    return { profilePath, functionId, functionChecksum };
  }

  /** Runs a command to its end and reads the JSON that it prints; an empty object for anything else. */
  async #answer(name: string, words: readonly string[]): Promise<Record<string, unknown>> {
    const child = this.#supervisor.spawn(name, words, {
      ended: ({ code }) => code === 0 ? "expected" : "unexpected",
    });
    await this.#soon(child.ended, `${name} has not ended`, name);
    try {
      return JSON.parse(child.output);
    } catch {
      return {};
    }
  }

  get #packageFolder(): string {
    return `${this.#options.folder}/leader-election`;
  }

  #folderOf(name: string): string {
    return `${this.#options.folder}/${name}`;
  }

  #startNode(name: string, what: string, command: "node" | "demo-liar" = "node"): void {
    const { model } = this.#options;
    const launched = this.#launched;
    if (!launched) throw new Error("Broken invariant: nodes start after the enclave");
    const neighbor = model.live().find((node) => node.address !== undefined)?.address;
    model.starting(name, what, performance.now());
    const state = () => this.#processes.get(name) === child && model.nodes.get(name)?.state;
    const child = this.#supervisor.spawn(name, [
      ...[command, "--port", "0", "--name", name, "--cluster", DEMO_CLUSTER],
      ...(neighbor === undefined ? [] : ["--neighbor", neighbor]),
      ...["--function", launched.functionId, "--checksum", launched.functionChecksum],
      ...["--profile", launched.profilePath, "--state", this.#folderOf(name)],
      ...["--timing", "local", "--log", "json", "--log-level", "debug"],
    ], {
      record(record: LogRecord) {
        // What a killed process had printed before is no news of the living.
        if (!state() || state() === "killed") return;
        applyNodeRecord(model, launched.witness, name, record, performance.now());
      },
      ended({ code }) {
        if (!state() || state() === "killed") return "expected";
        if (state() !== "leaving" || code !== 0) return "unexpected";
        model.changed(name, "left", undefined, performance.now());
        return "expected";
      },
    });
    this.#processes.set(name, child);
    this.#supervisor.changed();
  }

  #changed(name: string, state: Parameters<DemoModel["changed"]>[1], what: string): void {
    this.model.changed(name, state, what, performance.now());
    this.#supervisor.changed();
  }

  #soon<T>(promise: Promise<T>, what: string, child: string): Promise<T> {
    return this.#supervisor.within(promise, LAUNCH_TIMEOUT_MS, () => ({ what, child }));
  }

  #described(name: string): string {
    return this.model.leader()?.name === name ? `${name} (leader)` : name;
  }

  #process(name: string): ChildProcess {
    const child = this.#processes.get(name);
    if (!child) throw new Error(`Broken invariant: there is no process of ${name}`);
    return child;
  }
}

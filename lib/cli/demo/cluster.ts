/**
 * The processes of the demo: one enclave host and the nodes, all runs of this very program. Whatever is done to them is done with signals;
 * whatever they do comes as log lines and goes into the model.
 */
import type { SelfCommand } from "../self.ts";
import type { DemoModel } from "./model.ts";
import { applyNodeRecord } from "./node_records.ts";
import type { ChildProcess, LogRecord } from "./process.ts";
import { type Missing, Supervisor } from "./supervisor.ts";
import type { Witness } from "./witness.ts";

/** The cluster's name: nodes of other clusters on this machine are not heard. */
export const DEMO_CLUSTER = "demo";

/** The most nodes that live at once: each takes some 100 MB. */
export const NODES_LIVE_MAX = 12;

/** How long the host, the deployment and the attestation may each take, ms: at its first start a host makes its keys. */
const LAUNCH_TIMEOUT_MS = 60_000;

/** What the cluster works with. */
export interface ClusterOptions {
  readonly self: SelfCommand;
  /** A folder of the demo's own; whoever made it removes it. */
  readonly folder: string;
  /** The folder of the election function. */
  readonly functionFolder: string;
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
    const { folder, attest, model } = this.#options;
    const profilePath = `${folder}/profile.json`;
    const say = (text: string) => model.note(text, performance.now(), "gone");
    const url = await this.#startEnclave(profilePath);
    say(`enclave host at ${url}; it makes its keys, which takes some seconds`);
    const deployed = await this.#deploy(profilePath);
    const { functionId, functionChecksum } = deployed;
    say(`function ${functionId} deployed, checksum ${functionChecksum}`);
    const witness = await this.#soon(attest(deployed), "the enclave is not attested", "enclave");
    model.tee = witness.tee;
    model.policy = witness.policy;
    model.checksum = functionChecksum;
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
    this.#startNode(name, `${name} revived`);
  }

  /** Lets a node leave by SIGINT, as Ctrl-C would. */
  leave(name: string): void {
    const what = `${this.#described(name)} leaves`;
    this.#process(name).signal("SIGINT");
    this.#changed(name, "leaving", what);
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

  async #deploy(profilePath: string): Promise<Deployed> {
    const words = ["deploy", this.#options.functionFolder, "--policy", "random", "-o", "json"];
    const child = this.#supervisor.spawn("deploy", [...words, "--profile", profilePath], {
      ended: ({ code }) => code === 0 ? "expected" : "unexpected",
    });
    await this.#soon(child.ended, "the function is not deployed", "deploy");
    let said: Record<string, unknown> = {};
    try {
      said = JSON.parse(child.output);
    } catch { /* said below */ }
    const { function_id: functionId, function_checksum: functionChecksum } = said;
    if (typeof functionId !== "string" || typeof functionChecksum !== "string") {
      throw this.#supervisor.failureOf("failure", "deploy printed no function id and checksum");
    }
    return { profilePath, functionId, functionChecksum };
  }

  #startNode(name: string, what: string): void {
    const { folder, model } = this.#options;
    const launched = this.#launched;
    if (!launched) throw new Error("Broken invariant: nodes start after the enclave");
    const neighbor = model.live().find((node) => node.address !== undefined)?.address;
    model.starting(name, what, performance.now());
    const state = () => this.#processes.get(name) === child && model.nodes.get(name)?.state;
    const child = this.#supervisor.spawn(name, [
      ...["node", "--port", "0", "--name", name, "--cluster", DEMO_CLUSTER],
      ...(neighbor === undefined ? [] : ["--neighbor", neighbor]),
      ...["--function", launched.functionId, "--checksum", launched.functionChecksum],
      ...["--profile", launched.profilePath, "--state", `${folder}/${name}`],
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

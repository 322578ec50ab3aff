/**
 * Runs the hooks of a node. Commands run one after the other, all of them, so that what `elected` starts is there before `deposed` stops it;
 * each webhook has a line of its own, so that one that is out of order holds up nobody else.
 */
import { formatAddress } from "../../base/address.ts";
import type { Node } from "../../node/node.ts";
import type { Hook } from "./hook.ts";
import { runHookCommand } from "./hook_command.ts";
import { type HookCall, HookTracker } from "./hook_events.ts";
import { HookQueue } from "./hook_queue.ts";
import { postWebhook, WEBHOOK_PATIENCE, type WebhookPatience } from "./webhook.ts";

/** How long a command may run, ms: it prepares or stops something; what runs on belongs under `fumata lock`. */
const COMMAND_MS_MAX = 30_000;
/** How long the end of the node waits for hooks, ms: less than service managers wait (systemd 90 s, Kubernetes 30 s). */
const DRAIN_MS_MAX = 10_000;

/** What a runner may be told. */
export interface HookRunnerOptions {
  readonly commandMsMax?: number;
  readonly patience?: WebhookPatience;
  readonly drainMsMax?: number;
}

interface Job {
  readonly hook: Hook;
  readonly call: HookCall;
  readonly body: string;
  readonly id: string;
}

/** The hooks of one node, from its start to its end. */
export class HookRunner implements AsyncDisposable {
  readonly #node: Node;
  readonly #options: HookRunnerOptions;
  readonly #tracker: HookTracker;
  readonly #unfollow: () => void;
  readonly #commands: HookQueue<Job>;
  readonly #webhooks = new Map<string, HookQueue<Job>>();
  #hooks: readonly Hook[];

  constructor(node: Node, hooks: readonly Hook[], options: HookRunnerOptions = {}) {
    this.#node = node;
    this.#hooks = hooks;
    this.#options = options;
    this.#tracker = new HookTracker(node.kind);
    this.#commands = this.#queue();
    this.#unfollow = node.events.follow(({ event, json }) => {
      // Each line has its say; that of hooks about themselves has none.
      const { time, level: _level, event: _event, message: _message, ...fields } = JSON.parse(json);
      this.#tell(this.#tracker.take(event, fields), time);
    });
  }

  /** Other hooks from now on; what waits already is still done. */
  replace(hooks: readonly Hook[]): void {
    this.#hooks = hooks;
  }

  /** Tells that the node stops, and waits for the hooks, for a time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#unfollow();
    this.#tell(this.#tracker.end(), new Date().toISOString());
    const waitMs = this.#options.drainMsMax ?? DRAIN_MS_MAX;
    await Promise.all(
      [this.#commands, ...this.#webhooks.values()].map((queue) => queue.drain(waitMs)),
    );
  }

  #tell(calls: readonly HookCall[], time: string): void {
    for (const call of calls) {
      for (const hook of this.#hooks.filter(({ event }) => event === call.event)) {
        const { id, name, address, cluster } = this.#node;
        const node = { id, name, address: formatAddress(address), cluster };
        const body = JSON.stringify({ event: call.event, time, node, ...call.fields }) + "\n";
        this.#queueOf(hook).push({ hook, call, body, id: crypto.randomUUID() });
      }
    }
  }

  #queueOf({ target }: Hook): HookQueue<Job> {
    if ("command" in target) return this.#commands;
    const known = this.#webhooks.get(target.url);
    if (known) return known;
    const queue = this.#queue();
    this.#webhooks.set(target.url, queue);
    return queue;
  }

  #queue(): HookQueue<Job> {
    return new HookQueue<Job>(
      (job, signal) => this.#run(job, signal),
      ({ hook }) =>
        this.#node.events.log(
          "warn",
          "hook-dropped",
          `the hook of ${hook.event} is behind; a call of it is left out`,
          { on: hook.event },
        ),
    );
  }

  async #run({ hook, call, body, id }: Job, signal: AbortSignal): Promise<void> {
    const { events } = this.#node;
    const on = hook.event;
    const { target } = hook;
    const timeMsMax = this.#options.commandMsMax ?? COMMAND_MS_MAX;
    const outcome = "url" in target
      ? await postWebhook(
        target.url,
        body,
        id,
        signal,
        this.#options.patience ?? WEBHOOK_PATIENCE,
      )
      : await runHookCommand(
        target.command,
        body,
        this.#variables(call),
        { timeMsMax, signal },
        (line) => events.logAside("info", "hook-output", `hook of ${on}: ${line}`, { on, line }),
      );
    if (outcome.ok) events.log("debug", "hook-done", `the hook of ${on} is done`, { on });
    else {
      const words = `the hook of ${on} failed: ${outcome.why}`;
      events.log("warn", "hook-failed", words, { on, why: outcome.why });
    }
  }

  #variables({ event, fields }: HookCall): Record<string, string> {
    const { id, name, cluster } = this.#node;
    const member = fields.member as { id?: unknown; name?: unknown; address?: unknown } | undefined;
    const values: Record<string, unknown> = {
      EVENT: event,
      NODE: name,
      NODE_ID: id,
      CLUSTER: cluster,
      TERM: fields.term,
      LEADER: fields.name,
      LEADER_ID: fields.leader,
      MEMBER: member?.name,
      MEMBER_ID: member?.id,
      MEMBER_ADDRESS: member?.address,
    };
    return Object.fromEntries(
      Object.entries(values).filter(([, value]) => value !== undefined && value !== null)
        .map(([key, value]) => [`FUMATA_${key}`, String(value)]),
    );
  }
}

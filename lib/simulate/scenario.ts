/**
 * Runs a scenario: the same world, checkers and faults as a seeded run, with somebody's hand on them. After etcd's `raft` data-driven tests: a script and
 * its full transcript in one file, so that a change of behaviour shows as a change of a text. The words are in `scenario_words.ts`.
 */
import {
  DRIFT_PPM_MAX,
  LEASE_MS_MAX,
  LEASE_MS_MIN,
} from "../../function/leader-election/cluster_config.ts";
import { hex } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";
import { createPrng } from "../base/prng.ts";
import { ElectionChecker } from "./election_checker.ts";
import { FaultPlayer } from "./fault_player.ts";
import { type Fault, type Lie, LIES } from "./faults.ts";
import { numbersOf, oneOf, parseScenario, type ScenarioLine, wrong } from "./scenario_words.ts";
import { OpenBody } from "./sim_body.ts";
import { ENCLAVE_MOODS, type EnclaveMood } from "./sim_enclave.ts";
import type { Interference } from "./sim_network.ts";
import type { SimNode } from "./sim_node.ts";
import { entryText, type TraceEntry, traceInto } from "./trace.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/** What came of a scenario. */
export interface ScenarioResult {
  readonly transcript: string;
  /** Why it failed: an expectation that is not met, or a broken invariant. */
  readonly failure?: string;
}

/** The longest that `until` waits, ms. */
const UNTIL_MS_MAX = 60_000;
/** Longer than any scenario. */
const FOR_EVER_MS = 3_600_000;
/** Of terms, messages and effects: more than a scenario comes to. */
const COUNT_MAX = 1_000_000;
const NODES_MAX = 64;
const ENCLAVES_MAX = 8;
const SEED_MAX = 2 ** 32 - 1;
/** Messages that come all the time say nothing in a transcript. */
const QUIET_KINDS = new Set(["heartbeat", "lease-ack"]);

/** Runs the text of a scenario file. Throws a `usage` error for a line that says nothing known. */
export function runScenario(text: string): ScenarioResult {
  const { lines } = parseScenario(text);
  const stage = new Stage(lines);
  let failure: string | undefined;
  try {
    stage.play();
  } catch (thrown) {
    if (thrown instanceof Unmet) failure = thrown.message;
    else if (thrown instanceof Violation) failure = `${thrown.invariant}: ${thrown.message}`;
    else throw thrown;
    stage.say(`!!! ${failure}`);
  }
  return { transcript: stage.transcript, ...(failure !== undefined && { failure }) };
}

/** An expectation that is not met. Thrown and caught within this file only. */
class Unmet extends Error {}

/** Lines that set the stage, before the first step. */
const SETTINGS = ["cluster", "open", "seed", "lease", "drift", "enclaves"];

class Stage {
  readonly #world: World;
  readonly #checker?: ElectionChecker;
  readonly #player: FaultPlayer;
  readonly #steps: readonly ScenarioLine[];
  readonly #roles = new Map<string, SimNode>();
  readonly #notes: string[] = [];
  readonly #written: string[] = [];

  constructor(lines: readonly ScenarioLine[]) {
    const settings = lines.filter(({ words }) => SETTINGS.includes(words[0]));
    this.#steps = lines.filter((line) => !settings.includes(line));
    const setting = (name: string) => {
      const line = settings.find(({ words }) => words[0] === name);
      return line && { number: numbersOf(line) };
    };
    const open = setting("open");
    const cluster = open ?? setting("cluster");
    if (!cluster) {
      throw new FumataError(
        "usage",
        'Cannot run the scenario: it needs a line "cluster 4 1" or "open 4"',
      );
    }
    const nodes = cluster.number(1, 2, NODES_MAX);
    const faultBound = open ? 0 : cluster.number(2, 0, Math.floor((nodes - 1) / 3), 0);
    const number = (name: string, otherwise: number, from: number, to: number) =>
      setting(name)?.number(1, from, to) ?? otherwise;
    const seed = number("seed", 1, 0, SEED_MAX);
    this.#world = new World({
      seed,
      nodes,
      kind: open ? "open" : "roster",
      faultBound,
      leaseMs: number("lease", 480, LEASE_MS_MIN, LEASE_MS_MAX),
      driftPpm: number("drift", 2_000, 0, DRIFT_PPM_MAX),
      enclaves: number("enclaves", 1, 1, ENCLAVES_MAX),
      encodes: false,
      signs: faultBound > 0,
    });
    const world = this.#world;
    traceInto(world, (entry) => this.#show(entry));
    if (!open) {
      this.#checker = new ElectionChecker(world);
      world.watchers.push(this.#checker);
    }
    const prng = createPrng(seed);
    this.#player = new FaultPlayer(world, prng, () => this.#checker?.leader());
  }

  get transcript(): string {
    return this.#written.join("\n") + "\n";
  }

  say(line: string): void {
    this.#written.push(line);
  }

  play(): void {
    for (const line of this.#steps) {
      this.say(`> ${line.text}`);
      this.#step(line);
    }
  }

  #show(entry: TraceEntry): void {
    if (entry.type === "message" && QUIET_KINDS.has(entry.kind)) return;
    if (entry.type === "node") this.#notes.push(`${entry.node} ${entry.text}`);
    this.say(entryText(entry));
  }

  #step(line: ScenarioLine): void {
    const [verb, ...rest] = line.words;
    const { network } = this.#world;
    switch (verb) {
      case "start":
        for (
          const node of rest.length > 0
            ? rest.map((name) => this.#node(name, line))
            : this.#world.nodes
        ) {
          if (!node.isUp) this.#player.restart(node);
        }
        return;
      case "advance":
        return void this.#world.runUntil(this.#world.nowMs + numbersOf(line)(1, 0, FOR_EVER_MS));
      case "until":
        return this.#until(rest, line);
      case "let":
        return void this.#roles.set(rest[0], this.#role(rest[2], line));
      case "cut":
        return this.#cut(rest, line);
      case "heal":
        return network.heal();
      case "drop":
      case "hold":
        return void network.interferences.push(this.#interference(verb, rest, line));
      case "pass":
        return this.say(`    ${network.release(rest[0])} messages go on`);
      case "expect":
        return this.#expect(rest, line);
      case "forget":
        return this.#forget(this.#node(rest[0], line));
      case "restart":
        return this.#player.restart(this.#node(rest[0], line));
      case "free-disk": {
        const { disk } = this.#node(rest[0], line);
        disk.isFull = false;
        disk.saveMs = 0;
        return;
      }
      case "reach-enclave":
        this.#node(rest[0], line).isWithoutEnclave = false;
        return;
      default: {
        const fault = this.#fault(verb, rest, line);
        if (!this.#player.strike(fault)) this.say("    nothing was there for it");
      }
    }
  }

  #forget(node: SimNode): void {
    node.disk.forget(hex(node.function.domain.checksum));
  }

  #fault(verb: string, rest: readonly string[], line: ScenarioLine): Fault {
    const place = () => this.#node(rest[0], line).place;
    const number = numbersOf(line);
    const enclave = (at: number) => number(at, 1, this.#world.enclaves.length, 1) - 1;
    const forMs = FOR_EVER_MS;
    switch (verb) {
      case "crash":
        return { kind: "crash", node: place(), afterEffects: number(2, 0, COUNT_MAX, 0), forMs };
      case "pause":
      case "suspend":
        return { kind: verb, node: place(), forMs: number(2, 0, FOR_EVER_MS) };
      case "jump":
        return { kind: "wall-jump", node: place(), byMs: number(2, -FOR_EVER_MS, FOR_EVER_MS) };
      case "slow-disk":
        return { kind: "slow-disk", node: place(), saveMs: number(2, 0, FOR_EVER_MS), forMs };
      case "full-disk":
      case "no-enclave":
        return { kind: verb, node: place(), forMs };
      case "lose-state":
        return { kind: verb, node: place() };
      case "liar":
        return { kind: "liar", node: place(), lie: oneOf(LIES, rest[1], line) as Lie };
      case "replay":
        return { kind: "replay", messages: number(1, 1, COUNT_MAX) };
      case "step-down":
        return { kind: "step-down" };
      case "hush": {
        const restartAfterMs = rest[1] === undefined
          ? {}
          : { restartAfterMs: number(2, 0, FOR_EVER_MS) };
        return { kind: "hush", forMs: number(1, 0, FOR_EVER_MS), ...restartAfterMs };
      }
      case "rekey":
        return { kind: "rekey", enclave: enclave(1) };
      case "enclave": {
        const known = oneOf(ENCLAVE_MOODS, rest.at(-1) ?? "", line) as EnclaveMood;
        return { kind: "enclave", enclave: rest.length > 1 ? enclave(1) : 0, mood: known, forMs };
      }
      default:
        return wrong(line);
    }
  }

  #cut(rest: readonly string[], line: ScenarioLine): void {
    const { network } = this.#world;
    const places = (names: readonly string[]) =>
      new Set(names.map((name) => this.#node(name, line).place));
    const arrow = rest.indexOf("->");
    const bar = rest.indexOf("|");
    const at = Math.max(arrow, bar);
    if (at < 1) return wrong(line);
    const left = places(rest.slice(0, at));
    const right = places(rest.slice(at + 1));
    network.cut((from, to) =>
      (left.has(from) && right.has(to)) || (bar > 0 && right.has(from) && left.has(to))
    );
  }

  #interference(
    action: "drop" | "hold",
    [kind, ...rest]: readonly string[],
    line: ScenarioLine,
  ): Interference {
    const after = (word: string) => {
      const at = rest.indexOf(word);
      return at < 0 ? undefined : this.#node(rest[at + 1], line).place;
    };
    return { kind, action, from: after("from"), to: after("to") };
  }

  #until(rest: readonly string[], line: ScenarioLine): void {
    const isSo = this.#condition(rest, line);
    const isReached = this.#world.runUntil(this.#world.nowMs + UNTIL_MS_MAX, isSo);
    if (!isReached) throw new Unmet(`line ${line.number}: "${line.text}" does not come about`);
  }

  #condition([what, name]: readonly string[], line: ScenarioLine): () => boolean {
    switch (what) {
      case "lease": {
        const sinceMs = this.#world.nowMs;
        if (name === undefined) return () => (this.#checker?.leaseSeenMs ?? 0) > sinceMs;
        const node = this.#node(name, line);
        return () => node.leaseRemainingMs() > 0;
      }
      case "leader": {
        const node = this.#node(name, line);
        return () => this.#world.nodes.some((other) => leaderIdOf(other) === node.id);
      }
      case "term": {
        const term = numbersOf(line)(2, 0, COUNT_MAX);
        return () => this.#world.nodes.some((node) => node.isUp && node.body.term >= term);
      }
      default:
        return wrong(line);
    }
  }

  #expect(rest: readonly string[], line: ScenarioLine): void {
    const actual = this.#actual(rest, line);
    if (actual !== undefined) {
      throw new Unmet(`line ${line.number}: "${line.text}" is not so: ${actual}`);
    }
  }

  /** How it is instead; `undefined` when it is as expected. */
  #actual(rest: readonly string[], line: ScenarioLine): string | undefined {
    const [first, second, third, fourth] = rest;
    const lessees = () =>
      this.#world.nodes.filter((node) => node.leaseRemainingMs() > 0).map(({ name }) => name);
    switch (first) {
      case "lease": {
        const found = lessees().join(" ");
        return found === this.#node(second, line).name ? undefined : `lease of "${found}"`;
      }
      case "term": {
        const terms = this.#world.nodes.filter((node) => node.isUp).map(({ body }) => body.term);
        const highest = Math.max(...terms);
        return highest === numbersOf(line)(2, 0, COUNT_MAX)
          ? undefined
          : `the highest term is ${highest}`;
      }
      case "no": {
        if (second === "lease") {
          const found = lessees();
          return found.length === 0 ? undefined : `lease of ${found}`;
        }
        const note = this.#noted(third, rest.slice(3), line);
        return second === "note" && note === undefined ? undefined : `noted "${note}"`;
      }
      case "note":
        return this.#noted(second, rest.slice(2), line) === undefined ? "no such note" : undefined;
      case "leader": {
        const found = leaderIdOf(this.#node(fourth, line));
        const name = found === undefined ? "nobody" : this.#world.nameOf(found);
        return name === (second === "nobody" ? second : this.#node(second, line).name)
          ? undefined
          : `it follows ${name}`;
      }
      default: {
        if (second !== "sees") return wrong(line);
        const other = this.#node(third, line);
        const state = this.#node(first, line).membership.state(other.id) ?? "unknown";
        return state === fourth ? undefined : `it is ${state}`;
      }
    }
  }

  #noted(name: string, words: readonly string[], line: ScenarioLine): string | undefined {
    const node = this.#node(name, line);
    const wanted = `${node.name} ${words.join(" ")}`;
    return this.#notes.find((note) => note.startsWith(wanted));
  }

  #role(name: string, line: ScenarioLine): SimNode {
    const { nodes } = this.#world;
    const head = nodes.map((node) => node.headCertificate)
      .reduce(
        (best, other) => (other?.proposal.term ?? 0) > (best?.proposal.term ?? 0) ? other : best,
        undefined,
      );
    const leader = nodes.find((node) => node.id === (head?.leader ?? leaderIdOf(nodes[0])));
    const up = nodes.find((node) => node.isUp);
    const collector = nodes.find((node) => node.id === up?.collector);
    const found = name === "leader"
      ? leader
      : name === "collector"
      ? collector
      : name === "follower"
      ? nodes.find((node) => node.isUp && node !== leader && node !== collector)
      : this.#node(name, line);
    if (!found) throw new Unmet(`line ${line.number}: there is no ${name}`);
    this.say(`    ${name} is ${found.name}`);
    return found;
  }

  #node(name: string | undefined, line: ScenarioLine): SimNode {
    const role = name === undefined ? undefined : this.#roles.get(name);
    return role ?? this.#world.nodes.find((node) => node.name === name) ?? wrong(line);
  }
}

/** Whom a node follows by its own word. */
function leaderIdOf(node: SimNode): string | undefined {
  if (!node.isUp) return undefined;
  return node.body instanceof OpenBody ? node.body.respected?.leader : node.headCertificate?.leader;
}

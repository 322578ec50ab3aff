/**
 * Who watches over the children of the demo: starts them, ends all of them however the demo ends, and turns the first thing that goes
 * wrong, wherever it does, into the one failure that everything that waits is told.
 */
import { FumataError, messageOf } from "../../base/errors.ts";
import type { SelfCommand } from "../self.ts";
import { ChildProcess, type LogRecord } from "./process.ts";

/** A failure of the demo, with the last lines of the child that it is about. */
export class DemoFailure extends FumataError {
  constructor(
    code: FumataError["code"],
    message: string,
    readonly logLines: readonly string[] = [],
  ) {
    super(code, message);
  }
}

/** What has to be said of something that did not come in time. */
export interface Missing {
  readonly what: string;
  /** The child whose last lines may tell why. */
  readonly child?: string;
}

/** A child's exit code in the words of errors. */
const CODE_OF_EXIT: Partial<Record<number, FumataError["code"]>> = {
  2: "unreachable",
  3: "refused",
  5: "function",
};

/** The supervisor. Disposing of it ends all children and waits until they are gone. */
export class Supervisor implements AsyncDisposable {
  readonly #self: SelfCommand;
  readonly #onChange: () => void;
  readonly #children = new Set<ChildProcess>();
  readonly #failure = Promise.withResolvers<never>();
  readonly #waiters = new Set<() => void>();
  readonly #onUnload = () => this.#killAll();
  #closing = false;

  /** `onChange` is called after everything that a child did. */
  constructor(self: SelfCommand, onChange: () => void) {
    this.#self = self;
    this.#onChange = onChange;
    this.#failure.promise.catch(() => {});
    globalThis.addEventListener("unload", this.#onUnload);
  }

  /** Rejects with the first thing that goes wrong, whenever it does. */
  get failed(): Promise<never> {
    return this.#failure.promise;
  }

  /** Makes everything that waits fail with this; the first one counts. */
  fail(thrown: unknown): void {
    this.#failure.reject(thrown);
  }

  /** An error about a child, with its last lines. */
  failureOf(code: FumataError["code"], why: string, name?: string): DemoFailure {
    return failure(code, why, [...this.#children].findLast((child) => child.name === name));
  }

  /**
   * Starts this program with the given words. What `onRecord` and `onEnded` throw is a failure of the demo; so is an end that `onEnded`
   * does not call expected.
   */
  spawn(
    name: string,
    words: readonly string[],
    on: {
      readonly record?: (record: LogRecord) => void;
      readonly ended: (status: Deno.CommandStatus) => "expected" | "unexpected";
    },
  ): ChildProcess {
    if (this.#closing) throw new Error("the demo is over");
    const record = on.record;
    let child: ChildProcess;
    try {
      child = new ChildProcess(
        name,
        this.#self,
        words,
        record && ((line) => this.#guard(() => record(line))),
      );
    } catch (thrown) {
      const why = `${this.#self.program} cannot be started (${messageOf(thrown)})`;
      throw failure("failure", `${why}; a free process and the permission to run it are needed`);
    }
    this.#children.add(child);
    child.ended.then((status) => {
      this.#children.delete(child);
      this.#guard(() => {
        if (on.ended(status) === "expected") return;
        const how = status.signal ? `by ${status.signal}` : `with exit code ${status.code}`;
        throw failure(CODE_OF_EXIT[status.code] ?? "failure", `${name} ended ${how}`, child);
      });
    }, (thrown) => this.fail(thrown));
    return child;
  }

  /** Asks again what waits: something happened that no child told. */
  changed(): void {
    for (const ask of this.#waiters) ask();
    this.#onChange();
  }

  /** Resolves when `holds`, which is asked after everything that happens. Rejects on a failure, or after `timeoutMs` with what is missing. */
  async until(holds: () => boolean, timeoutMs: number, missing: () => Missing): Promise<void> {
    const done = Promise.withResolvers<void>();
    const ask = () => holds() && done.resolve();
    this.#waiters.add(ask);
    ask();
    try {
      await this.within(done.promise, timeoutMs, missing);
    } finally {
      this.#waiters.delete(ask);
    }
  }

  /** The promise; rejects on a failure of the demo, or after `timeoutMs` with what is missing. */
  async within<T>(promise: Promise<T>, timeoutMs: number, missing: () => Missing): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const { what, child } = missing();
        reject(this.failureOf("no-leader", `${what} after ${timeoutMs / 1000} s`, child));
      }, timeoutMs);
    });
    try {
      return await Promise.race([promise, late, this.failed]);
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    this.fail(new Error("the demo is over"));
    await Promise.all([...this.#children].map((child) => child[Symbol.asyncDispose]()));
    globalThis.removeEventListener("unload", this.#onUnload);
  }

  #guard(act: () => void): void {
    if (this.#closing) return;
    try {
      act();
      this.changed();
    } catch (thrown) {
      this.fail(thrown);
    }
  }

  /** The program ends without having waited for us. */
  #killAll(): void {
    for (const child of this.#children) child.signal("SIGKILL");
  }
}

function failure(code: FumataError["code"], why: string, child?: ChildProcess): DemoFailure {
  const lines = (child?.lastLines ?? []).map((line) => `${child!.name} | ${line}`);
  return new DemoFailure(code, `Cannot go on with the demo: ${why}`, lines);
}

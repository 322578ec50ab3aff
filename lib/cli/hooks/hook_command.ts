/** Runs the command of a hook: JSON on stdin, variables, a time limit; what it prints is handed on line by line. */
import { messageOf } from "../../base/errors.ts";
import { eachLine } from "../demo/lines.ts";
import { signalGroup } from "../lock/process_group.ts";

/** What came of it; `why` is for people. */
export type HookOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly why: string };

/** From the SIGTERM at the end of its time to the SIGKILL, ms. */
const END_GRACE_MS = 1_000;
/** Lines of output that one run may log, and their length: a command that prints without end must not fill the log. */
const LINES_MAX = 100;
const LINE_CHARACTERS_MAX = 1_000;

/** Runs it to its end, or to that of its time; never rejects. */
export async function runHookCommand(
  command: string,
  input: string,
  env: Readonly<Record<string, string>>,
  limits: { readonly timeMsMax: number; readonly signal: AbortSignal },
  onLine: (line: string) => void,
): Promise<HookOutcome> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("/bin/sh", {
      args: ["-c", command],
      env: { ...env },
      // A group of its own, so that what it starts ends with it, and a terminal's Ctrl-C does not reach it.
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (thrown) {
    return { ok: false, why: `it cannot be started: ${messageOf(thrown)}` };
  }
  let isOverdue = false;
  let killTimer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    if (isOverdue) return;
    isOverdue = true;
    signalGroup(child.pid, "SIGTERM");
    killTimer = setTimeout(() => signalGroup(child.pid, "SIGKILL"), END_GRACE_MS);
  };
  const timer = setTimeout(end, limits.timeMsMax);
  limits.signal.addEventListener("abort", end);
  if (limits.signal.aborted) end();
  let lines = 0;
  const tell = (line: string) => {
    if (++lines <= LINES_MAX) onLine(line.slice(0, LINE_CHARACTERS_MAX));
    else if (lines === LINES_MAX + 1) onLine("(more output is left out)");
  };
  const [status] = await Promise.all([
    child.status,
    write(child.stdin, input),
    eachLine(child.stdout, tell),
    eachLine(child.stderr, tell),
  ]);
  clearTimeout(timer);
  clearTimeout(killTimer);
  limits.signal.removeEventListener("abort", end);
  if (isOverdue) {
    const why = limits.signal.aborted ? "the node stops" : `${limits.timeMsMax / 1000} s are over`;
    return { ok: false, why: `it was ended: ${why}` };
  }
  return status.success ? { ok: true } : { ok: false, why: `its exit code is ${status.code}` };
}

/** A command that does not read its input is none the worse for it. */
async function write(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    await writer.abort().catch(() => {});
  }
}

/** Signals to a whole process group (kill(2) with a negative number): a command, and whatever it forked. */
import process from "node:process";

/** Sends a signal to all processes of a group; a group that is gone takes none. */
export function signalGroup(group: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    Deno.kill(-group, signal);
  } catch { /* it is gone, which is what these signals are for, or runs as another user */ }
}

/**
 * Whether any process of the group is left, a dead one that nobody has buried among them, and those that run as another user by now and
 * take no signal from here. `send` is for tests.
 */
export function isGroupAlive(
  group: number,
  send: (id: number, signal: 0) => unknown = process.kill,
): boolean {
  try {
    send(-group, 0);
    return true;
  } catch (thrown) {
    return (thrown as { code?: unknown }).code === "EPERM";
  }
}

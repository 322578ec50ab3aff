/** Signals to a whole process group (kill(2) with a negative number): a command, and whatever it forked. */
import process from "node:process";

/** Sends a signal to all processes of a group; a group that is gone takes none. */
export function signalGroup(group: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    Deno.kill(-group, signal);
  } catch { /* it is gone, which is what these signals are for */ }
}

/** Whether any process of the group is left, a dead one that nobody has buried among them. */
export function isGroupAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * The table of commands, in the order in which the help shows them. A command is added by one line here and one file in `commands/`.
 *
 * Each is loaded when it is wanted: a command line runs one of them, and all of them together take several times as long to load as
 * most take to run. The runtime reads what an import with a written-out path names before it starts, imported or not, so paths are put
 * together here; the executable gets the folder by the `--include` of its task.
 */
import type { Command } from "./command.ts";

/** Loads one command. */
export type LoadCommand = () => Promise<Command>;

/** Commands by the names under which they are called. */
export type CommandTable = Readonly<Record<string, LoadCommand>>;

/** All commands. */
export const COMMANDS: CommandTable = {
  demo: from("demo", "demoCommand"),
  "demo-liar": from("demo_liar", "demoLiarCommand"),
  node: from("node", "nodeCommand"),
  members: from("members", "membersCommand"),
  rtt: from("rtt", "rttCommand"),
  leader: from("leader", "leaderCommand"),
  certificate: from("certificate", "certificateCommand"),
  chain: from("chain", "chainCommand"),
  watch: from("watch", "watchCommand"),
  status: from("status", "statusCommand"),
  config: from("config", "configCommand"),
  doctor: from("doctor", "doctorCommand"),
  lock: from("lock", "lockCommand"),
  join: from("join", "joinCommand"),
  "step-down": from("step_down", "stepDownCommand"),
  leave: from("leave", "leaveCommand"),
  "force-leave": from("force_leave", "forceLeaveCommand"),
  keys: from("keys", "keysCommand"),
  identity: from("identity", "identityCommand"),
  enclave: from("enclave", "enclaveCommand"),
  login: from("login", "loginCommand"),
  deploy: from("deploy", "deployCommand"),
  test: from("test", "testCommand"),
  list: from("functions", "listCommand"),
  delete: from("functions", "deleteCommand"),
  keygen: from("keygen", "keygenCommand"),
  run: from("run", "runCommand"),
  key: from("key", "keyCommand"),
  encrypt: from("encrypt", "encryptCommand"),
  token: from("token", "tokenCommand"),
  pcrs: from("pcrs", "pcrsCommand"),
  measurements: from("pcrs", "measurementsCommand"),
  verify: from("verify", "verifyCommand"),
  audit: from("audit", "auditCommand"),
  succession: from("succession", "successionCommand"),
  attest: from("attest", "attestCommand"),
  simulate: from("simulate", "simulateCommand"),
  debug: from("debug", "debugCommand"),
  completions: from("completions", "completionsCommand"),
};

/** A command by its file in `commands/` and the name under which that exports it. */
function from(file: string, name: string): LoadCommand {
  const path = new URL(`commands/${file}.ts`, import.meta.url).href;
  return async () => (await import(path))[name];
}

/** All commands of a table, loaded, in its order. */
export async function loadAll(table: CommandTable): Promise<readonly Command[]> {
  return await Promise.all(Object.values(table).map((load) => load()));
}

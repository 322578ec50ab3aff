/**
 * The table of commands, in the order in which the help shows them. A command is added by one line here and one file in `commands/`.
 *
 * Each is loaded when it is wanted: a command line runs one of them, and all of them together take several times as long to load as
 * most take to run. The paths are written out, because the executable holds only modules that its compiler can find by reading.
 */
import type { Command } from "./command.ts";

/** Loads one command. */
export type LoadCommand = () => Promise<Command>;

/** Commands by the names under which they are called. */
export type CommandTable = Readonly<Record<string, LoadCommand>>;

/** All commands. */
export const COMMANDS: CommandTable = {
  demo: async () => (await import("./commands/demo.ts")).demoCommand,
  "demo-liar": async () => (await import("./commands/demo_liar.ts")).demoLiarCommand,
  node: async () => (await import("./commands/node.ts")).nodeCommand,
  members: async () => (await import("./commands/members.ts")).membersCommand,
  rtt: async () => (await import("./commands/rtt.ts")).rttCommand,
  leader: async () => (await import("./commands/leader.ts")).leaderCommand,
  certificate: async () => (await import("./commands/certificate.ts")).certificateCommand,
  chain: async () => (await import("./commands/chain.ts")).chainCommand,
  watch: async () => (await import("./commands/watch.ts")).watchCommand,
  status: async () => (await import("./commands/status.ts")).statusCommand,
  config: async () => (await import("./commands/config.ts")).configCommand,
  doctor: async () => (await import("./commands/doctor.ts")).doctorCommand,
  lock: async () => (await import("./commands/lock.ts")).lockCommand,
  join: async () => (await import("./commands/join.ts")).joinCommand,
  "step-down": async () => (await import("./commands/step_down.ts")).stepDownCommand,
  leave: async () => (await import("./commands/leave.ts")).leaveCommand,
  "force-leave": async () => (await import("./commands/force_leave.ts")).forceLeaveCommand,
  keys: async () => (await import("./commands/keys.ts")).keysCommand,
  identity: async () => (await import("./commands/identity.ts")).identityCommand,
  enclave: async () => (await import("./commands/enclave.ts")).enclaveCommand,
  login: async () => (await import("./commands/login.ts")).loginCommand,
  deploy: async () => (await import("./commands/deploy.ts")).deployCommand,
  test: async () => (await import("./commands/test.ts")).testCommand,
  list: async () => (await import("./commands/functions.ts")).listCommand,
  delete: async () => (await import("./commands/functions.ts")).deleteCommand,
  keygen: async () => (await import("./commands/keygen.ts")).keygenCommand,
  run: async () => (await import("./commands/run.ts")).runCommand,
  key: async () => (await import("./commands/key.ts")).keyCommand,
  encrypt: async () => (await import("./commands/encrypt.ts")).encryptCommand,
  token: async () => (await import("./commands/token.ts")).tokenCommand,
  pcrs: async () => (await import("./commands/pcrs.ts")).pcrsCommand,
  measurements: async () => (await import("./commands/pcrs.ts")).measurementsCommand,
  verify: async () => (await import("./commands/verify.ts")).verifyCommand,
  audit: async () => (await import("./commands/audit.ts")).auditCommand,
  succession: async () => (await import("./commands/succession.ts")).successionCommand,
  attest: async () => (await import("./commands/attest.ts")).attestCommand,
  simulate: async () => (await import("./commands/simulate.ts")).simulateCommand,
  debug: async () => (await import("./commands/debug.ts")).debugCommand,
  completions: async () => (await import("./commands/completions.ts")).completionsCommand,
};

/** All commands of a table, loaded, in its order. */
export async function loadAll(table: CommandTable): Promise<readonly Command[]> {
  return await Promise.all(Object.values(table).map((load) => load()));
}

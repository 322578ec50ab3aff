/**
 * The table of commands, in the order in which the help shows them. A command is added by one line here and one file in `commands/`.
 *
 * Each is loaded when it is wanted: a command line runs one of them, the list of them none, and all of them together take several times as
 * long to load as most take to run. The runtime reads what an import with a written-out path names before it starts, imported or not, so paths are put
 * together here; the executable gets the folder by the `--include` of its task.
 */
import type { Command } from "./command.ts";

/** One command of the table. */
export interface CommandEntry {
  /** The command's own summary once more, so that the list of commands loads none of them; absent where that leaves the command out. */
  readonly summary?: string;
  load(): Promise<Command>;
}

/** Commands by the names under which they are called. */
export type CommandTable = Readonly<Record<string, CommandEntry>>;

/** All commands. */
export const COMMANDS: CommandTable = {
  demo: from(
    "demo",
    "demoCommand",
    "show the whole system on this machine: elections, crashes, a liar that is caught",
  ),
  "demo-liar": hidden("demo_liar", "demoLiarCommand"),
  node: from("node", "nodeCommand", "run one node of a cluster"),
  members: from("members", "membersCommand", "list the members that a node sees"),
  rtt: from("rtt", "rttCommand", "estimate the round trip between two members"),
  leader: from("leader", "leaderCommand", "show the leader that a node respects"),
  certificate: from(
    "certificate",
    "certificateCommand",
    "print the election certificate that a node respects",
  ),
  chain: from("chain", "chainCommand", "print the chain of certificates that a node keeps"),
  watch: from(
    "watch",
    "watchCommand",
    "watch a node's cluster: who leads, who is there, what happens",
  ),
  status: from("status", "statusCommand", "show how a running node is"),
  config: from(
    "config",
    "configCommand",
    "check a configuration and show where each setting comes from",
  ),
  doctor: from("doctor", "doctorCommand", "check what a node needs and say what to do"),
  lock: from("lock", "lockCommand", "run a command only while a node leads"),
  join: from("join", "joinCommand", "have a running node join others"),
  "step-down": from("step_down", "stepDownCommand", "have the leader give its lease back"),
  leave: from("leave", "leaveCommand", "have a running node leave the cluster and stop"),
  "force-leave": from(
    "force_leave",
    "forceLeaveCommand",
    "have a running node forget a member that failed",
  ),
  keys: from("keys", "keysCommand", "list or change the cluster keys of a running node"),
  identity: from(
    "identity",
    "identityCommand",
    "print the key of a node's state folder, for a roster",
  ),
  enclave: from("enclave", "enclaveCommand", "run an enclave host"),
  login: from("login", "loginCommand", "store an enclave host, a token and whom to trust"),
  deploy: from("deploy", "deployCommand", "deploy a function"),
  test: from("test", "testCommand", "run a function once without deploying it"),
  list: from("functions", "listCommand", "list the functions of the account"),
  delete: from("functions", "deleteCommand", "delete functions; their keys are gone for good"),
  keygen: from(
    "keygen",
    "keygenCommand",
    "make private.pem and public.pem for a package, or a cluster key",
  ),
  run: from("run", "runCommand", "call a function once"),
  key: from("key", "keyCommand", "print the key to which values for this account are encrypted"),
  encrypt: from(
    "encrypt",
    "encryptCommand",
    "encrypt a value that only the account's functions can read",
  ),
  token: from("token", "tokenCommand", "make, list or delete tokens"),
  pcrs: from("pcrs", "pcrsCommand", "print the measurements of an enclave host, to pin them"),
  measurements: from(
    "pcrs",
    "measurementsCommand",
    'the same as "pcrs", by the name that fits every TEE',
  ),
  verify: from("verify", "verifyCommand", "check an election certificate, offline"),
  audit: from("audit", "auditCommand", "check a whole chain of certificates, offline"),
  succession: from(
    "succession",
    "successionCommand",
    "order that a roster cluster goes on as another function",
  ),
  attest: from("attest", "attestCommand", "check attestation evidence, offline"),
  simulate: from(
    "simulate",
    "simulateCommand",
    "run clusters in virtual time under faults, and check every promise",
  ),
  debug: from(
    "debug",
    "debugCommand",
    "collect a report on a running node in one archive, without secrets",
  ),
  completions: from("completions", "completionsCommand", "print the completions for a shell"),
};

/** A command by its file in `commands/`, the name under which that exports it, and its summary. */
function from(file: string, name: string, summary: string): CommandEntry {
  return { summary, ...hidden(file, name) };
}

/** A command that no list shows. */
function hidden(file: string, name: string): CommandEntry {
  const path = new URL(`commands/${file}.ts`, import.meta.url).href;
  return { load: async () => (await import(path))[name] };
}

/** All commands of a table, loaded, in its order. */
export async function loadAll(table: CommandTable): Promise<readonly Command[]> {
  return await Promise.all(Object.values(table).map(({ load }) => load()));
}

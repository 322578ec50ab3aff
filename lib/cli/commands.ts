/** The table of commands, in the order in which the help shows them. */
import type { Command } from "./command.ts";
import { attestCommand } from "./commands/attest.ts";
import { demoCommand } from "./commands/demo.ts";
import { deployCommand } from "./commands/deploy.ts";
import { enclaveCommand } from "./commands/enclave.ts";
import { keyCommand } from "./commands/key.ts";
import { keygenCommand } from "./commands/keygen.ts";
import { nodeCommand } from "./commands/node.ts";
import { measurementsCommand, pcrsCommand } from "./commands/pcrs.ts";
import { runCommand } from "./commands/run.ts";
import { tokenCommand } from "./commands/token.ts";
import { verifyCommand } from "./commands/verify.ts";

/** All commands. */
export const COMMANDS: readonly Command[] = [
  demoCommand,
  nodeCommand,
  enclaveCommand,
  deployCommand,
  keygenCommand,
  runCommand,
  keyCommand,
  tokenCommand,
  pcrsCommand,
  measurementsCommand,
  verifyCommand,
  attestCommand,
];

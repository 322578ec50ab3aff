/** The table of commands, in the order in which the help shows them. */
import type { Command } from "./command.ts";
import { attestCommand } from "./commands/attest.ts";
import { auditCommand } from "./commands/audit.ts";
import { certificateCommand } from "./commands/certificate.ts";
import { demoCommand } from "./commands/demo.ts";
import { deployCommand } from "./commands/deploy.ts";
import { enclaveCommand } from "./commands/enclave.ts";
import { encryptCommand } from "./commands/encrypt.ts";
import { forceLeaveCommand } from "./commands/force_leave.ts";
import { deleteCommand, listCommand } from "./commands/functions.ts";
import { identityCommand } from "./commands/identity.ts";
import { joinCommand } from "./commands/join.ts";
import { keyCommand } from "./commands/key.ts";
import { keygenCommand } from "./commands/keygen.ts";
import { keysCommand } from "./commands/keys.ts";
import { leaderCommand } from "./commands/leader.ts";
import { leaveCommand } from "./commands/leave.ts";
import { loginCommand } from "./commands/login.ts";
import { membersCommand } from "./commands/members.ts";
import { nodeCommand } from "./commands/node.ts";
import { measurementsCommand, pcrsCommand } from "./commands/pcrs.ts";
import { runCommand } from "./commands/run.ts";
import { statusCommand } from "./commands/status.ts";
import { stepDownCommand } from "./commands/step_down.ts";
import { successionCommand } from "./commands/succession.ts";
import { testCommand } from "./commands/test.ts";
import { tokenCommand } from "./commands/token.ts";
import { verifyCommand } from "./commands/verify.ts";

/** All commands. */
export const COMMANDS: readonly Command[] = [
  demoCommand,
  nodeCommand,
  membersCommand,
  leaderCommand,
  certificateCommand,
  statusCommand,
  joinCommand,
  stepDownCommand,
  leaveCommand,
  forceLeaveCommand,
  keysCommand,
  identityCommand,
  enclaveCommand,
  loginCommand,
  deployCommand,
  testCommand,
  listCommand,
  deleteCommand,
  keygenCommand,
  runCommand,
  keyCommand,
  encryptCommand,
  tokenCommand,
  pcrsCommand,
  measurementsCommand,
  verifyCommand,
  auditCommand,
  successionCommand,
  attestCommand,
];

/** The table of commands, in the order in which the help shows them. */
import type { Command } from "./command.ts";

/** All commands. */
export const COMMANDS: readonly Command[] = [];

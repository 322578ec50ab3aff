/**
 * fumata elects the leader of a cluster inside an enclave. This file only composes: the words of the command line go to one
 * command, its exit code to the system. `lib/README.md` is the map.
 */
import config from "./deno.json" with { type: "json" };
import { COMMANDS } from "./lib/cli/commands.ts";
import { runProgram } from "./lib/cli/program.ts";

if (import.meta.main) Deno.exit(await runProgram(Deno.args, COMMANDS, config.version));

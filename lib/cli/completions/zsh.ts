/** Completions for zsh (zsh manual, "Completion System"): `_describe` for the commands, `_arguments` for the flags of each. */
import type { Command, Flag } from "../command.ts";
import { flagsOf, OWN_COMMANDS, quoted, spellings, valueKind, wordsByPlace } from "./words.ts";

/** The script, for a file `_fumata` in a folder of `fpath`. */
export function zshCompletions(commands: readonly Command[]): string {
  const described = [...commands, ...OWN_COMMANDS]
    .map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  return `#compdef fumata
# Completions of fumata for zsh; made by "fumata completions zsh".
_fumata() {
  local -a commands
  commands=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )) || { (( CURRENT == 3 )) && [[ $words[2] == help ]] }; then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${commands.map(commandCase).join("\n")}
  esac
}
_fumata "$@"
`;
}

function commandCase(command: Command): string {
  const behind = command.takesRest ? "*::command:_normal" : "*:file:_files";
  const words = wordsByPlace(command).flatMap((words, place) =>
    words.length > 0 ? [`${place + 1}:word:(${words.join(" ")})`] : []
  );
  const specs = [...flagsOf(command).map(flagSpec), ...[...words, behind].map(quoted)];
  return `    ${command.name}) _arguments -s \\\n${
    specs.map((spec) => `      ${spec}`).join(" \\\n")
  } ;;`;
}

/** One flag as `_arguments` wants it: what it excludes, its spellings, its help, its value. */
function flagSpec(flag: Flag): string {
  const names = spellings(flag);
  const all = names.length > 1 ? `{${names.join(",")}}` : names[0];
  const once = flag.type === "list" ? "*" : `(${names.join(" ")})`;
  const value = {
    none: "",
    choice: `:value:(${flag.choices?.join(" ")})`,
    path: ":file:_files",
    free: `:${escaped(flag.placeholder ?? "value")}: `,
  }[valueKind(flag)];
  return `${quoted(once)}${all}${quoted(`[${escaped(flag.help)}]${value}`)}`;
}

/** In a spec, brackets and colons part its fields. */
function escaped(text: string): string {
  return text.replaceAll(/[\\[\]:]/g, "\\$&");
}

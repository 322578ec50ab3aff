/** Completions for bash (Bash Reference Manual, section 8.6, Programmable Completion): one function without helpers of other packages. */
import type { Command } from "../command.ts";
import { fixedPlaces, flagsOf, OWN_COMMANDS, quoted, spellings, valueKind } from "./words.ts";

/** The script. */
export function bashCompletions(commands: readonly Command[]): string {
  const names = [...commands, ...OWN_COMMANDS].map(({ name }) => name).join(" ");
  return `# Completions of fumata for bash; made by "fumata completions bash".
_fumata() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local command="\${COMP_WORDS[1]}" flags="" word
  COMPREPLY=()
  if (( COMP_CWORD == 1 )) || { (( COMP_CWORD == 2 )) && [[ $command == help ]]; }; then
    ${offer(names)}
    return
  fi
  # Behind "--" stands another program's command line.
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word == -- ]]; then compopt -o default 2>/dev/null; return; fi
  done
  # Bash takes --flag=value apart at the sign.
  if [[ $current == "=" ]]; then current=""
  elif [[ $previous == "=" ]]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  case "$command $previous" in
${commands.flatMap(valueCases).join("\n")}
  esac
  case "$command" in
${commands.map(flagsCase).join("\n")}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
    return
  fi
  case "$command $COMP_CWORD" in
${commands.flatMap(placeCases).join("\n")}
    *) compopt -o default 2>/dev/null ;;
  esac
}
complete -F _fumata fumata
`;
}

function flagsCase(command: Command): string {
  const flags = flagsOf(command).flatMap(spellings).join(" ");
  return `    ${command.name}) flags=${quoted(flags)} ;;`;
}

/** The words of a command that stand at a place of their own, where no flags came before. */
function placeCases(command: Command): string[] {
  return fixedPlaces(command).map(({ at, words }) =>
    `    ${quoted(`${command.name} ${at}`)}) ${offer(words)} ;;`
  );
}

/** What completes the current word to one of these. */
function offer(words: string): string {
  return `COMPREPLY=($(compgen -W ${quoted(words)} -- "$current"))`;
}

/** What stands behind each flag that takes a value. */
function valueCases(command: Command): string[] {
  return flagsOf(command).flatMap((flag) => {
    const kind = valueKind(flag);
    if (kind === "none") return [];
    const pattern = spellings(flag).map((name) => quoted(`${command.name} ${name}`)).join("|");
    const does = {
      choice: offer(flag.choices?.join(" ") ?? ""),
      path: "compopt -o default 2>/dev/null",
      free: ":",
    }[kind];
    return [`    ${pattern}) ${does}; return ;;`];
  });
}

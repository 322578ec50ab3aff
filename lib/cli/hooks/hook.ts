/** Hooks as people write them: `EVENT=COMMAND`, or `EVENT=http(s)://…` for a webhook. */
import { FumataError } from "../../base/errors.ts";
import { closest } from "../suggestion.ts";

/** What hooks can hear. */
export const HOOK_EVENTS = [
  /** This node leads; in a roster cluster it holds the lease. */
  "elected",
  /** It does not any more. */
  "deposed",
  /** The node respects another leader, or none. */
  "leader-change",
  "join",
  "leave",
  "fail",
  /** Proof that somebody lied. */
  "fork-evidence",
] as const;

/** One of {@linkcode HOOK_EVENTS}. */
export type HookEventName = typeof HOOK_EVENTS[number];

/** One hook. */
export interface Hook {
  readonly event: HookEventName;
  /** Either for `/bin/sh -c`, or where to post to. */
  readonly target: { readonly command: string } | { readonly url: string };
}

/** More are a mistake in a file. */
const HOOKS_MAX = 64;

/** Reads the values of `--on`. Throws a usage error that says which one is wrong. */
export function parseHooks(texts: readonly string[]): readonly Hook[] {
  if (texts.length > HOOKS_MAX) {
    throw new FumataError("usage", `Cannot use ${texts.length} hooks: ${HOOKS_MAX} at most`);
  }
  return texts.map(parseHook);
}

function parseHook(text: string): Hook {
  const cannot = (why: string) => new FumataError("usage", `Cannot use --on "${text}": ${why}`);
  const at = text.indexOf("=");
  const name = at < 0 ? text : text.slice(0, at);
  const event = HOOK_EVENTS.find((event) => event === name);
  if (!event) {
    const near = closest(name, HOOK_EVENTS);
    throw cannot(
      near
        ? `there is no event "${name}"; did you mean ${near}?`
        : `there is no event "${name}"; one of ${HOOK_EVENTS.join(", ")} is wanted`,
    );
  }
  const target = at < 0 ? "" : text.slice(at + 1).trim();
  if (target === "") throw cannot("EVENT=COMMAND or EVENT=http://… is wanted");
  if (!/^https?:\/\//.test(target)) return { event, target: { command: target } };
  if (!URL.canParse(target)) throw cannot("that is no URL");
  const { username, password } = new URL(target);
  if (username !== "" || password !== "") {
    throw cannot("a password in it would show in logs and in the list of processes");
  }
  return { event, target: { url: target } };
}

/** What a terminal can show, as its environment says: colours (no-color.org) and characters beyond ASCII (POSIX locales). */

/** What the renderer may use. */
export interface Capabilities {
  readonly colour: boolean;
  readonly utf8: boolean;
}

/** Reads the environment. Colours: unless NO_COLOR is set and not empty or TERM is `dumb`. UTF-8: by LC_ALL, else LC_CTYPE, else LANG. */
export function capabilitiesOf(env: (name: string) => string | undefined): Capabilities {
  const locale = env("LC_ALL") || env("LC_CTYPE") || env("LANG") || "";
  return {
    colour: !env("NO_COLOR") && env("TERM") !== "dumb",
    utf8: /utf-?8/i.test(locale),
  };
}

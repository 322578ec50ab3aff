/**
 * Which files of the npm packages the executable need not hold, as `--exclude` words for the task that compiles it: packages that only tests
 * use, declarations of types, source maps, documents, and what a package carries twice. `deno compile` embeds whole packages, and an
 * executable reads all that it holds into its memory, so every MiB left out here is one less in each node. What comes out is run by the
 * end-to-end tests.
 */
import config from "../../deno.json" with { type: "json" };

/** What only type checkers, debuggers and people read. */
const UNREAD = /\.(d\.[cm]?ts|map|md)$/;

/** Folders of packages from which their own bundle was made, and which no module reads. */
const DOUBLE_FOLDERS: readonly string[] = ["amaro@1.2.1/lib"];

/** All words together: Windows takes command lines of 32,767 characters. The largest files come first. */
const WORDS_CHARACTERS_MAX = 24_000;

/** A file that may be left out. */
export interface Unread {
  readonly path: string;
  readonly bytes: number;
}

/** Packages (`name@version`) that the program imports, and all that these depend on. */
export function usedPackages(
  imports: Readonly<Record<string, string>>,
  packages: Readonly<Record<string, { readonly dependencies?: readonly string[] }>>,
): Set<string> {
  const used = new Set<string>();
  const use = (name: string) => {
    // A dependency of which there is one version stands in the lock file without it.
    const key = name in packages
      ? name
      : Object.keys(packages).find((key) => key.startsWith(`${name}@`));
    if (key === undefined || used.has(key)) return;
    used.add(key);
    packages[key].dependencies?.forEach(use);
  };
  for (const specifier of Object.values(imports)) {
    const name = /^npm:((?:@[^/]+\/)?[^/]+@[^/]+)/.exec(specifier)?.[1];
    if (name !== undefined && !name.startsWith("@types/")) use(name);
  }
  return used;
}

/** What may be left out of a package that lies in a folder; of one that is not used everything. */
export function unreadFiles(folder: string, isUsed: boolean): Unread[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return unreadFiles(path, isUsed);
    return isUsed && !UNREAD.test(name) ? [] : [{ path, bytes: Deno.statSync(path).size }];
  });
}

/** The largest of them, as words for `deno compile`. */
export function excludeWords(files: readonly Unread[]): string[] {
  const words: string[] = [];
  let characters = 0;
  for (const { path } of files.toSorted((a, b) => b.bytes - a.bytes)) {
    // A task takes words apart at spaces.
    if (/\s/.test(path)) continue;
    const word = `--exclude=${path}`;
    characters += word.length + 1;
    if (characters > WORDS_CHARACTERS_MAX) break;
    words.push(word);
  }
  return words;
}

if (import.meta.main) {
  const lock = JSON.parse(Deno.readTextFileSync(new URL("../../deno.lock", import.meta.url)));
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout)) as { npmCache: string };
  const used = usedPackages(config.imports, lock.npm);
  const files: Unread[] = [];
  for (const { name: registry } of Deno.readDirSync(npmCache)) {
    const folderOf = (key: string) => `${npmCache}/${registry}/${key.replace(/(?<=.)@/, "/")}`;
    for (const key of Object.keys(lock.npm)) {
      const folder = folderOf(key);
      try {
        files.push(...unreadFiles(folder, used.has(key)));
      } catch (thrown) {
        // Of another platform, or of another registry.
        if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
      }
    }
    for (const double of DOUBLE_FOLDERS) {
      const path = folderOf(double);
      files.push({ path, bytes: Number.MAX_SAFE_INTEGER });
    }
  }
  console.log(excludeWords(files).join(" "));
}

/**
 * Which function and which roster a certificate must be of. The package says both at once: its checksum pins the `cluster.json` inside.
 * A `cluster.json` alone is taken on the user's word, and `--checksum` beside it.
 */
import {
  CLUSTER_FILE,
  type ClusterConfig,
} from "../../../function/leader-election/cluster_config.ts";
import { isName } from "../../../function/leader-election/rules.ts";
import { equalBytes, fromHex, hex } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import { readClusterConfig } from "../../certificate/mod.ts";
import { type FunctionPackage, openPackage, packFolder } from "../../package/mod.ts";
import type { Arguments, Flag } from "../command.ts";
import { readInput } from "./input.ts";

/** The flags that say it. */
export const FUNCTION_FLAGS: readonly Flag[] = [
  {
    name: "checksum",
    short: "c",
    type: "string",
    placeholder: "HEX",
    help: "the function that must have elected; --package says it too",
  },
  {
    name: "package",
    type: "string",
    placeholder: "ZIP|FOLDER",
    help: "the function's package: its checksum and, for a roster cluster, who votes",
  },
  {
    name: "cluster-json",
    type: "string",
    placeholder: "FILE",
    help: "who votes in a roster cluster, taken on your word in place of --package",
  },
  {
    name: "cluster",
    type: "string",
    placeholder: "NAME",
    help: "the cluster that must be meant; default that of cluster.json, else fumata",
  },
];

/** What is pinned. */
export interface PinnedFunction {
  readonly checksum: Uint8Array;
  readonly cluster: string;
  /** Absent for an open cluster. */
  readonly config?: ClusterConfig;
  /** Whether the checksum pins the config; else the user vouches for it. */
  readonly isConfigPinned: boolean;
}

const CHECKSUM_BYTES = 32;

/** What the flags pin. Throws a `FumataError` that says what is missing or does not fit together; `verb` is what cannot be done then. */
export async function readPinnedFunction(
  args: Arguments,
  verb = "verify",
): Promise<PinnedFunction> {
  const packagePath = args.text("package");
  const configPath = args.text("cluster-json");
  if (packagePath !== undefined && configPath !== undefined) {
    throw usage("Cannot use --cluster-json beside --package: the package has its own");
  }
  const wanted = checksumOf(args, verb);
  const opened = packagePath === undefined ? undefined : await readPackage(packagePath);
  const checksum = opened?.checksum ?? wanted;
  if (!checksum) {
    throw usage(
      `Cannot ${verb} without --checksum: it is missing; 64 hex digits are wanted, as "fumata deploy" printed them, or --package`,
    );
  }
  if (opened && wanted && !equalBytes(opened.checksum, wanted)) {
    throw new FumataError(
      "refused",
      `Cannot use package "${packagePath}": its checksum is ${
        hex(opened.checksum)
      }; --checksum wants ${hex(wanted)}`,
    );
  }
  const file = opened ? opened.files.get(CLUSTER_FILE) : await readGiven(configPath);
  const config = file && configOf(file, packagePath ?? configPath!);
  return {
    checksum,
    cluster: clusterOf(args, config),
    ...(config ? { config } : {}),
    isConfigPinned: opened !== undefined,
  };
}

/** A package from a zip or a folder, as `fumata deploy` would make it. */
export async function readPackage(path: string): Promise<FunctionPackage> {
  const isFolder = (await Deno.stat(path).catch(() => undefined))?.isDirectory;
  const zip = isFolder ? (await packFolder(path)).zip : await readInput(path);
  const opened = openPackage(zip);
  if (typeof opened !== "string") return opened;
  throw new FumataError("usage", `Cannot use package "${path}": ${opened}`);
}

/** The roster of a `cluster.json`. Throws a `FumataError` that names where it came from. */
export function configOf(file: Uint8Array, path: string): ClusterConfig {
  const config = readClusterConfig(file);
  if (typeof config !== "string") return config;
  throw usage(`Cannot use ${CLUSTER_FILE} of "${path}": ${config}`);
}

/** The bytes of `--checksum`, if it is given. */
function checksumOf(args: Arguments, verb: string): Uint8Array | undefined {
  const text = args.text("checksum");
  if (text === undefined) return undefined;
  const bytes = fromHex(text);
  if (bytes?.length === CHECKSUM_BYTES) return bytes;
  throw usage(
    `Cannot ${verb} without --checksum: "${text}" is none; 64 hex digits are wanted, as "fumata deploy" printed them`,
  );
}

async function readGiven(path: string | undefined): Promise<Uint8Array | undefined> {
  return path === undefined ? undefined : await readInput(path);
}

function clusterOf(args: Arguments, config: ClusterConfig | undefined): string {
  const cluster = args.text("cluster") ?? config?.cluster ?? "fumata";
  if (isName(cluster)) return cluster;
  throw usage(
    `Cannot use --cluster "${cluster}": 1..64 printable ASCII characters without spaces are wanted`,
  );
}

function usage(message: string): FumataError {
  return new FumataError("usage", message);
}

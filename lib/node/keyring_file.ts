/**
 * The cluster keys of a node on disk: one base64 key of 32 bytes a line, the primary first, readable by its owner only. A change is on disk,
 * whole, before it counts, so that a node that restarts in the middle of a key rotation still hears the others.
 */
import { base64, fromBase64 } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";
import {
  CLUSTER_KEY_BYTES,
  clusterKey,
  type Keyring,
  type KeyringChange,
  KEYS_MAX,
  withKey,
} from "../wire/keyring.ts";

/** Far more than KEYS_MAX lines. */
const FILE_BYTES_MAX = 4096;

/** An opened keyring file. */
export class KeyringFile {
  readonly path: string;
  /** Whether others than its owner may read the file. */
  readonly isExposed: boolean;
  #keyring: Keyring;

  private constructor(path: string, keyring: Keyring, isExposed: boolean) {
    this.path = path;
    this.#keyring = keyring;
    this.isExposed = isExposed;
  }

  /** Reads the file. Throws a {@linkcode FumataError} `usage` that says which line is wrong; never quotes a key. */
  static open(path: string): KeyringFile {
    try {
      const { size, mode } = Deno.statSync(path);
      if (size > FILE_BYTES_MAX) throw refused(path, `it has ${size} bytes`);
      const keyring = parse(Deno.readTextFileSync(path), path);
      return new KeyringFile(path, keyring, mode !== null && (mode & 0o077) !== 0);
    } catch (thrown) {
      if (thrown instanceof FumataError) throw thrown;
      const isMissing = thrown instanceof Deno.errors.NotFound;
      throw refused(path, isMissing ? "there is no such file" : messageOf(thrown));
    }
  }

  /** Makes a file with one fresh key; gives the key's id. Throws a {@linkcode FumataError} when there is one already. */
  static create(path: string): string {
    const secret = crypto.getRandomValues(new Uint8Array(CLUSTER_KEY_BYTES));
    try {
      Deno.writeTextFileSync(path, base64(secret) + "\n", { mode: 0o600, createNew: true });
    } catch (thrown) {
      const why = thrown instanceof Deno.errors.AlreadyExists
        ? "it is there already, and a cluster that uses it would no longer be understood; name another file"
        : messageOf(thrown);
      throw new FumataError("failure", `Cannot write the cluster key "${path}": ${why}`);
    }
    return clusterKey(secret).id;
  }

  get keyring(): Keyring {
    return this.#keyring;
  }

  /** Writes a changed keyring and takes it over. Throws a {@linkcode FumataError} when the change or the disk refuses. */
  change(make: (keyring: Keyring) => KeyringChange): Keyring {
    const changed = make(this.#keyring);
    if ("refused" in changed) {
      throw new FumataError("usage", `Cannot change the cluster keys: ${changed.refused}`);
    }
    if (changed !== this.#keyring) this.#write(changed);
    this.#keyring = changed;
    return changed;
  }

  #write(keyring: Keyring): void {
    const temporary = `${this.path}.new`;
    const text = keyring.map((key) => base64(key.secret) + "\n").join("");
    try {
      using file = Deno.openSync(temporary, {
        write: true,
        create: true,
        truncate: true,
        mode: 0o600,
      });
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
      Deno.renameSync(temporary, this.path);
    } catch (thrown) {
      throw new FumataError(
        "failure",
        `Cannot write the key file "${this.path}": ${
          messageOf(thrown)
        }; the keys stay as they were`,
        { cause: thrown },
      );
    }
  }
}

function parse(text: string, path: string): Keyring {
  const lines = text.split("\n").map((line) => line.trim());
  let keyring: Keyring | undefined;
  for (const [at, line] of lines.entries()) {
    if (line === "") continue;
    const secret = fromBase64(line);
    if (secret?.length !== CLUSTER_KEY_BYTES) {
      throw refused(path, `line ${at + 1} is no key of ${CLUSTER_KEY_BYTES} bytes in base64`);
    }
    const next = keyring ? withKey(keyring, secret) : [clusterKey(secret)] satisfies Keyring;
    if ("refused" in next) throw refused(path, `line ${at + 1}: ${next.refused}`);
    keyring = next;
  }
  if (!keyring) throw refused(path, `it holds no key; 1..${KEYS_MAX} lines are wanted`);
  return keyring;
}

function refused(path: string, why: string): FumataError {
  return new FumataError(
    "usage",
    `Cannot use the key file "${path}": ${why}; "fumata keygen --cluster-key FILE" makes one`,
  );
}

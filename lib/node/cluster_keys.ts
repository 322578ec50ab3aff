/** The cluster keys of a running node: what is sealed and opened with them, and the file that they are kept in. */
import { FumataError } from "../base/errors.ts";
import type { Keyring, KeyringChange } from "../wire/keyring.ts";
import { createSealer, type Sealer } from "../wire/sealing.ts";
import { KeyringFile } from "./keyring_file.ts";

/** The keys of one node; one without a key file has none. */
export class ClusterKeys {
  readonly file?: KeyringFile;
  readonly sealer?: Sealer;

  /** Reads the file, if one is named. Throws like {@linkcode KeyringFile.open}. */
  constructor(cluster: string, path: string | undefined) {
    if (path === undefined) return;
    this.file = KeyringFile.open(path);
    this.sealer = createSealer(cluster, this.file.keyring);
  }

  /** The keys, the primary first; `undefined` when gossip is not sealed. */
  get keyring(): Keyring | undefined {
    return this.file?.keyring;
  }

  /** Changes the keys, on disk before it counts. Throws a `FumataError` when that is refused. */
  change(make: (keyring: Keyring) => KeyringChange): Keyring {
    if (!this.file || !this.sealer) {
      throw new FumataError(
        "usage",
        "Cannot change the cluster keys: this node has none; start it with --encrypt FILE",
      );
    }
    const keyring = this.file.change(make);
    this.sealer.setKeyring(keyring);
    return keyring;
  }
}

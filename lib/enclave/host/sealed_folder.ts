/**
 * What a host keeps, encrypted: AES-256-GCM under one data key, which the TEE seals and only the same code on the same TEE opens. The name of
 * a file is authenticated, so that files cannot be exchanged; putting back an older version of one is not noticed, as no TEE
 * here has a counter that lasts.
 *
 * A TEE that cannot seal keeps nothing beyond its process: the data key is then in memory, what is on the disk can be opened by nobody
 * after a restart, and is removed at the next start.
 *
 * | file | content |
 * |---|---|
 * | `keys/data.sealed` | the data key, sealed by the TEE |
 * | `keys/data.ephemeral` | says that the data key was in memory only |
 * | `*.sealed` | version, nonce, ciphertext and tag |
 */
import { concat, utf8 } from "../../base/bytes.ts";
import { FumataError } from "../../base/errors.ts";
import {
  AES_KEY_BYTES,
  AES_NONCE_BYTES,
  AES_TAG_BYTES,
  openAesGcm,
  sealAesGcm,
} from "../../crypto/aes_gcm.ts";
import type { TeeDriver } from "../../tee/types.ts";
import type { DataFolder } from "./data_folder.ts";

const SUFFIX = ".sealed";
const DATA_KEY = `keys/data${SUFFIX}`;
const EPHEMERAL = "keys/data.ephemeral";
const LABEL = "data-key";

/** Folders and a file that hold something when a host has worked here. */
const CONTENT_FOLDERS = ["functions", "keys"];
const CONTENT_FILE = `tokens${SUFFIX}`;

const VERSION = 1;

/** A file that is there and does not open: it was changed, cut short, or belongs elsewhere. */
export class DamagedEntry extends Error {
  override readonly name = "DamagedEntry";
}

/** The files of one host. Names are without the suffix. */
export class SealedFolder {
  readonly folder: DataFolder;
  readonly #key: Uint8Array;
  readonly #onSetAside: (line: string) => void;

  private constructor(folder: DataFolder, key: Uint8Array, onSetAside: (line: string) => void) {
    this.folder = folder;
    this.#key = key;
    this.#onSetAside = onSetAside;
  }

  /**
   * Opens what this TEE sealed, or begins anew in an empty folder. `onSetAside` hears a line for everything that is put out of the way.
   * Throws a {@linkcode FumataError} when the folder is another TEE's.
   */
  static async open(
    folder: DataFolder,
    tee: TeeDriver,
    onSetAside: (line: string) => void,
  ): Promise<SealedFolder> {
    const sealed = folder.read(DATA_KEY);
    if (sealed) {
      const key = await tee.sealing?.unseal(sealed, LABEL);
      if (key?.length === AES_KEY_BYTES) return new SealedFolder(folder, key, onSetAside);
      throw refuse(
        folder,
        `its ${DATA_KEY} was sealed by another TEE or another version, or is damaged; ` +
          "use what made it, or name another folder with --data",
      );
    }
    if (hasContents(folder)) {
      if (!folder.read(EPHEMERAL)) {
        const why = `its ${DATA_KEY} is gone, without which nothing in it can be opened`;
        throw refuse(folder, `${why}; restore it, or name another folder with --data`);
      }
      // The mark stays to the last: without it the rest would be a folder that has lost its key.
      const keys = folder.list("keys").map((name) => `keys/${name}`);
      const names = [CONTENT_FILE, "functions", ...keys.filter((name) => name !== EPHEMERAL)];
      for (const name of names) folder.remove(name);
      onSetAside("removed what an earlier run left: its TEE cannot seal, so nobody can open it");
    }
    const key = crypto.getRandomValues(new Uint8Array(AES_KEY_BYTES));
    if (tee.sealing) {
      folder.write(DATA_KEY, await tee.sealing.seal(key, LABEL));
      folder.remove(EPHEMERAL);
    } else folder.write(EPHEMERAL, utf8("the data key is in memory only\n"));
    return new SealedFolder(folder, key, onSetAside);
  }

  /** The plain bytes, or `undefined` when there is no such file. Throws {@linkcode DamagedEntry}. */
  read(name: string): Uint8Array<ArrayBuffer> | undefined {
    const bytes = this.folder.read(name + SUFFIX);
    if (!bytes) return undefined;
    const nonceEnd = 1 + AES_NONCE_BYTES;
    const plain = bytes[0] === VERSION && bytes.length >= nonceEnd + AES_TAG_BYTES
      ? openAesGcm(
        this.#key,
        bytes.subarray(1, nonceEnd),
        associated(name),
        bytes.subarray(nonceEnd),
      )
      : undefined;
    if (plain) return plain;
    throw new DamagedEntry(`${name}${SUFFIX} is damaged`);
  }

  /** Like `read`; a damaged file is put out of the way and named, and then there is none. */
  readOrSetAside(name: string, loss: string): Uint8Array<ArrayBuffer> | undefined {
    try {
      return this.read(name);
    } catch (thrown) {
      if (!(thrown instanceof DamagedEntry)) throw thrown;
      this.setAside(name + SUFFIX, `${thrown.message}; ${loss}`);
      return undefined;
    }
  }

  /** Encrypts and writes; on disk when this returns. */
  write(name: string, plain: Uint8Array): void {
    const nonce = crypto.getRandomValues(new Uint8Array(AES_NONCE_BYTES));
    const sealed = sealAesGcm(this.#key, nonce, associated(name), plain);
    this.folder.write(name + SUFFIX, concat(Uint8Array.of(VERSION), nonce, sealed));
  }

  /** Removes a file; nothing happens when there is none. */
  remove(name: string): void {
    this.folder.remove(name + SUFFIX);
  }

  /** Puts a file or folder out of the way, under its whole name, and says why. */
  setAside(path: string, why: string): void {
    const at = this.folder.setAside(path);
    this.#onSetAside(`${why}; it is kept in ${this.folder.path}/${at}`);
  }
}

function hasContents(folder: DataFolder): boolean {
  return folder.has(CONTENT_FILE) ||
    CONTENT_FOLDERS.some((name) => folder.list(name).length > 0);
}

/** The name keeps a file from being taken for another. */
function associated(name: string): Uint8Array {
  return utf8(`fumata-data-v1\0${name}`);
}

function refuse(folder: DataFolder, what: string): FumataError {
  return new FumataError("failure", `Cannot use the data folder "${folder.path}": ${what}`);
}

/**
 * Deployed functions on disk: `functions/<id>/package.zip`, `metadata.json` and the sealed certificate key. The metadata is written last,
 * so a deploy that broke off is no function and is removed at the next start. A package whose checksum no longer fits
 * is named and not run.
 */
import { createPrivateKey } from "node:crypto";
import { base58Id, isBase58Id } from "../../base/base58.ts";
import { fromHex, fromUtf8, hex, utf8 } from "../../base/bytes.ts";
import { assert, FumataError } from "../../base/errors.ts";
import { sha256Hex } from "../../crypto/digest.ts";
import { importRsaJwk, type RsaPublicKey } from "../../crypto/rsa.ts";
import { type FunctionPackage, openPackage, PACKAGE_LIMITS } from "../../package/mod.ts";
import type { Sandbox } from "../../sandbox/types.ts";
import { isRecord } from "../frames.ts";
import type { EnclaveLimits } from "../limits.ts";
import type { DataFolder } from "./data_folder.ts";
import { CERTIFICATE_KEY_BITS, type KeyVault, publicOf, rsaKeyPem } from "./keys.ts";

/** Opened packages that are kept in memory: clusters use one function each, so a few cover a host. */
const OPENED_MAX = 8;

/** What is known of a function without opening it. */
export interface FunctionRecord {
  /** 22 characters of base58. */
  readonly id: string;
  readonly name: string;
  /** SHA-256 of the package, 32 bytes. */
  readonly checksum: Uint8Array;
  /** Whether any account may run it. */
  readonly isPublic: boolean;
  readonly createdAt: Date;
}

/** A function that can run. */
export interface LoadedFunction {
  readonly record: FunctionRecord;
  readonly functionPackage: FunctionPackage;
  /** PKCS#8 PEM of the key that was born at its first load. */
  readonly certificateKeyPem: string;
  readonly certificateKey: RsaPublicKey;
}

/** The functions of one data folder. */
export class FunctionStore {
  readonly #folder: DataFolder;
  readonly #vault: KeyVault;
  readonly #sandbox: Pick<Sandbox, "fault">;
  readonly #limits: EnclaveLimits;
  readonly #records = new Map<string, FunctionRecord>();
  /** Loads by id, oldest first; a load that fails is forgotten. */
  readonly #opened = new Map<string, Promise<LoadedFunction>>();

  /** Reads the records. `sandbox` says which packages can run here. `onBroken` hears of entries that were set aside, in a line each. */
  constructor(
    folder: DataFolder,
    vault: KeyVault,
    sandbox: Pick<Sandbox, "fault">,
    limits: EnclaveLimits,
    onBroken: (line: string) => void,
  ) {
    this.#folder = folder;
    this.#vault = vault;
    this.#sandbox = sandbox;
    this.#limits = limits;
    for (const id of folder.list("functions")) {
      const bytes = folder.read(`functions/${id}/metadata.json`);
      if (!bytes) {
        folder.remove(`functions/${id}`);
        continue;
      }
      const record = parseRecord(id, bytes);
      if (record) this.#records.set(id, record);
      else onBroken(`the function ${id} is left out: its metadata.json is damaged`);
    }
  }

  /** Functions in the store. */
  get size(): number {
    return this.#records.size;
  }

  /** The record of an id, if there is one. */
  find(id: string): FunctionRecord | undefined {
    return this.#records.get(id);
  }

  /** The newest function of a name. */
  findNewest(name: string): FunctionRecord | undefined {
    return this.list().findLast((record) => record.name === name);
  }

  /** All records, oldest first. */
  list(): FunctionRecord[] {
    return [...this.#records.values()]
      .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime());
  }

  /** Removes a function with its key. Sessions that run it go on until they close. */
  delete(id: string): void {
    // Without metadata it is no function any more, whatever becomes of the rest.
    this.#folder.remove(`functions/${id}/metadata.json`);
    this.#records.delete(id);
    this.#opened.delete(id);
    this.#folder.remove(`functions/${id}`);
  }

  /** Stores a package; gives its record, or the reason why it is none. The certificate key is born here. */
  async deploy(
    zip: Uint8Array,
    name: string,
    isPublic: boolean,
    now: Date,
  ): Promise<FunctionRecord | string> {
    if (this.#records.size >= this.#limits.functionsMax) {
      return `the host holds ${this.#limits.functionsMax} functions already; delete some`;
    }
    const opened = openPackage(zip, {
      ...PACKAGE_LIMITS,
      zipBytesMax: this.#limits.packageBytesMax,
    });
    if (typeof opened === "string") return opened;
    const fault = await this.#sandbox.fault(opened);
    if (fault) return fault;
    const id = base58Id(crypto.getRandomValues(new Uint8Array(16)));
    const record = { id, name, checksum: opened.checksum, isPublic, createdAt: now };
    try {
      this.#folder.write(`functions/${id}/package.zip`, zip);
      const loaded = await this.#load(record, opened);
      this.#folder.write(`functions/${id}/metadata.json`, utf8(metadataText(record)));
      this.#keep(id, Promise.resolve(loaded));
    } catch (thrown) {
      this.#folder.remove(`functions/${id}`);
      throw thrown;
    }
    this.#records.set(id, record);
    return record;
  }

  /** A function ready to run. Throws a {@linkcode FumataError} when what is on disk is damaged. */
  load(record: FunctionRecord): Promise<LoadedFunction> {
    const known = this.#opened.get(record.id);
    const loading = known ?? this.#loadFromDisk(record);
    this.#keep(record.id, loading);
    return loading;
  }

  async #loadFromDisk(record: FunctionRecord): Promise<LoadedFunction> {
    const path = `functions/${record.id}/package.zip`;
    const zip = this.#folder.read(path);
    if (!zip || sha256Hex(zip) !== hex(record.checksum)) {
      throw new FumataError(
        "failure",
        `Cannot load the function ${record.id}: its package is ${zip ? "damaged" : "gone"}; ` +
          "deploy it again",
      );
    }
    const opened = openPackage(zip);
    if (typeof opened === "string") {
      throw new FumataError("failure", `Cannot load the function ${record.id}: ${opened}`);
    }
    return await this.#load(record, opened);
  }

  async #load(record: FunctionRecord, opened: FunctionPackage): Promise<LoadedFunction> {
    const name = `functions/${record.id}/certificate_key`;
    const certificateKeyPem = await rsaKeyPem(this.#vault, name, CERTIFICATE_KEY_BITS);
    const jwk = publicOf(createPrivateKey(certificateKeyPem)).export({ format: "jwk" });
    const certificateKey = importRsaJwk(jwk);
    assert(typeof certificateKey !== "string", `the certificate key ${certificateKey}`);
    return { record, functionPackage: opened, certificateKeyPem, certificateKey };
  }

  #keep(id: string, loading: Promise<LoadedFunction>): void {
    this.#opened.delete(id);
    this.#opened.set(id, loading);
    if (this.#opened.size > OPENED_MAX) this.#opened.delete(this.#opened.keys().next().value!);
    loading.catch(() => this.#opened.delete(id));
  }
}

function metadataText(record: FunctionRecord): string {
  return JSON.stringify({
    id: record.id,
    name: record.name,
    checksum: hex(record.checksum),
    public: record.isPublic,
    created_at: record.createdAt.toISOString(),
  }) + "\n";
}

function parseRecord(id: string, bytes: Uint8Array): FunctionRecord | undefined {
  let fields: unknown;
  try {
    fields = JSON.parse(fromUtf8(bytes) ?? "");
  } catch {
    return undefined;
  }
  if (!isBase58Id(id) || !isRecord(fields) || fields.id !== id) return undefined;
  const checksum = typeof fields.checksum === "string" ? fromHex(fields.checksum) : undefined;
  const createdAt = new Date(String(fields.created_at));
  if (checksum?.length !== 32 || typeof fields.name !== "string") return undefined;
  if (Number.isNaN(createdAt.getTime())) return undefined;
  return { id, name: fields.name, checksum, isPublic: fields.public === true, createdAt };
}

/**
 * Deployed functions on disk: in `functions/<id>/` the package, the certificate key and the metadata, all sealed. The metadata is written
 * last and removed first, so a deploy or a removal that broke off is no function and is cleared away at the next start. What is damaged
 * is named, set aside and not run; the rest goes on.
 */
import { createPrivateKey } from "node:crypto";
import { base58Id } from "../../base/base58.ts";
import { fromHex, fromUtf8, hex, utf8 } from "../../base/bytes.ts";
import { assert, FumataError } from "../../base/errors.ts";
import { importRsaJwk, type RsaPublicKey } from "../../crypto/rsa.ts";
import { type FunctionPackage, openPackage, PACKAGE_LIMITS } from "../../package/mod.ts";
import type { Sandbox } from "../../sandbox/types.ts";
import type { EnclaveLimits } from "../limits.ts";
import { CERTIFICATE_KEY_BITS, generateRsaPem, type KeyMaker, publicOf } from "./keys.ts";
import { DamagedEntry, type SealedFolder } from "./sealed_folder.ts";

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
  readonly #sealed: SealedFolder;
  readonly #sandbox: Pick<Sandbox, "fault">;
  readonly #limits: EnclaveLimits;
  readonly #makeKey: KeyMaker;
  readonly #records = new Map<string, FunctionRecord>();
  /** Loads by id, oldest first; a load that fails is forgotten. */
  readonly #opened = new Map<string, Promise<LoadedFunction>>();
  /** Deployments that have begun; they count as well. */
  #deploying = 0;

  /** Reads the records. `sandbox` says which packages can run here. */
  constructor(
    sealed: SealedFolder,
    sandbox: Pick<Sandbox, "fault">,
    limits: EnclaveLimits,
    makeKey: KeyMaker = generateRsaPem,
  ) {
    this.#sealed = sealed;
    this.#sandbox = sandbox;
    this.#limits = limits;
    this.#makeKey = makeKey;
    for (const id of sealed.folder.list("functions")) {
      try {
        const bytes = sealed.read(`functions/${id}/metadata`);
        if (bytes) this.#records.set(id, parseRecord(id, bytes));
        else sealed.folder.remove(`functions/${id}`);
      } catch (thrown) {
        if (!(thrown instanceof DamagedEntry)) throw thrown;
        sealed.setAside(
          `functions/${id}`,
          `the function ${id} is left out: its metadata is damaged`,
        );
      }
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
    this.#sealed.remove(`functions/${id}/metadata`);
    this.#records.delete(id);
    this.#opened.delete(id);
    this.#sealed.folder.remove(`functions/${id}`);
  }

  /** Stores a package; gives its record, or the reason why it is none. The certificate key is born here. */
  async deploy(
    zip: Uint8Array,
    name: string,
    isPublic: boolean,
    now: Date,
  ): Promise<FunctionRecord | string> {
    if (this.#records.size + this.#deploying >= this.#limits.functionsMax) {
      return `the host holds ${this.#limits.functionsMax} functions already; delete some`;
    }
    this.#deploying++;
    try {
      return await this.#deploy(zip, name, isPublic, now);
    } finally {
      this.#deploying--;
    }
  }

  async #deploy(
    zip: Uint8Array,
    name: string,
    isPublic: boolean,
    now: Date,
  ): Promise<FunctionRecord | string> {
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
      this.#sealed.write(`functions/${id}/package`, zip);
      const certificateKeyPem = await this.#makeKey(CERTIFICATE_KEY_BITS);
      this.#sealed.write(`functions/${id}/certificate_key`, utf8(certificateKeyPem));
      this.#sealed.write(`functions/${id}/metadata`, utf8(metadataText(record)));
      this.#keep(id, Promise.resolve(loaded(record, opened, certificateKeyPem)));
    } catch (thrown) {
      this.#sealed.folder.remove(`functions/${id}`);
      throw thrown;
    }
    this.#records.set(id, record);
    return record;
  }

  /** A function ready to run. Throws a {@linkcode FumataError} when what is on disk is damaged; it is set aside then. */
  load(record: FunctionRecord): Promise<LoadedFunction> {
    const loading = this.#opened.get(record.id) ??
      Promise.resolve().then(() => this.#loadFromDisk(record));
    this.#keep(record.id, loading);
    return loading;
  }

  #loadFromDisk(record: FunctionRecord): LoadedFunction {
    const { id } = record;
    const part = (name: string): Uint8Array | string => {
      try {
        return this.#sealed.read(`functions/${id}/${name}`) ?? "is gone";
      } catch (thrown) {
        if (thrown instanceof DamagedEntry) return "is damaged";
        throw thrown;
      }
    };
    const [zip, key] = [part("package"), part("certificate_key")];
    const opened = typeof zip === "string" ? zip : openPackage(zip);
    const fault = typeof opened === "string"
      ? `its package ${opened}`
      : typeof key === "string"
      ? `its certificate key ${key}`
      : undefined;
    if (typeof opened === "string" || typeof key === "string") {
      this.#records.delete(id);
      const why = `the function ${id} is left out: ${fault}`;
      if (this.#sealed.folder.has(`functions/${id}`)) {
        this.#sealed.setAside(`functions/${id}`, why);
      }
      throw new FumataError("failure", `Cannot load the function ${id}: ${fault}; deploy it again`);
    }
    return loaded(record, opened, fromUtf8(key)!);
  }

  #keep(id: string, loading: Promise<LoadedFunction>): void {
    this.#opened.delete(id);
    this.#opened.set(id, loading);
    if (this.#opened.size > OPENED_MAX) this.#opened.delete(this.#opened.keys().next().value!);
    loading.catch(() => this.#opened.delete(id));
  }
}

function loaded(
  record: FunctionRecord,
  functionPackage: FunctionPackage,
  certificateKeyPem: string,
): LoadedFunction {
  const jwk = publicOf(createPrivateKey(certificateKeyPem)).export({ format: "jwk" });
  const certificateKey = importRsaJwk(jwk);
  assert(typeof certificateKey !== "string", `the certificate key ${certificateKey}`);
  return { record, functionPackage, certificateKeyPem, certificateKey };
}

function metadataText(record: FunctionRecord): string {
  return JSON.stringify({
    name: record.name,
    checksum: hex(record.checksum),
    public: record.isPublic,
    created_at: record.createdAt.toISOString(),
  });
}

/** What this host wrote: the seal says that nobody else did, and that it is of this id. */
function parseRecord(id: string, bytes: Uint8Array): FunctionRecord {
  const fields = JSON.parse(fromUtf8(bytes)!);
  return {
    id,
    name: fields.name,
    checksum: fromHex(fields.checksum)!,
    isPublic: fields.public,
    createdAt: new Date(fields.created_at),
  };
}

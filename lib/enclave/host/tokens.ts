/**
 * Tokens: JWTs (RFC 7519) signed by HMAC-SHA256 (`HS256`, RFC 7518, section 3.2) under the host's secret. A token is for the account or
 * for one function; it lives until its expiry or until it is deleted, because every use looks it up in the list. The token itself is
 * shown once, when it is made, and never kept or logged.
 */
import { timingSafeEqual } from "@std/crypto/timing-safe-equal";
import { createHmac } from "node:crypto";
import { base58Id } from "../../base/base58.ts";
import { base64url, fromBase64url, fromUtf8, utf8 } from "../../base/bytes.ts";
import { isRecord } from "../../base/json.ts";
import type { EnclaveLimits } from "../limits.ts";
import type { SealedFolder } from "./sealed_folder.ts";

const LIST_FILE = "tokens";
const HEADER = base64url(utf8('{"alg":"HS256","typ":"JWT"}'));
const ISSUER = "fumata-enclave";
const MAC_BYTES = 32;

/** Tokens of ours have about 250 characters. */
const TOKEN_CHARACTERS_MAX = 1024;

/** `last_used` is written at most this often: it is for people, and every use would cost a write. */
const LAST_USED_STEP_MS = 60_000;

/** What is kept of a token. */
export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  /** The one function that it may run; an account token has none. */
  readonly functionId?: string;
  readonly createdAt: Date;
  readonly expiry?: Date;
  lastUsed?: Date;
}

/** What a token allows. */
export type Scope =
  | { readonly kind: "account" }
  | { readonly kind: "function"; readonly functionId: string };

/** What came of looking at a token. `reason` is fit for the caller. */
export type TokenVerdict =
  | { readonly ok: true; readonly id: string; readonly scope: Scope }
  | { readonly ok: false; readonly reason: string };

/** The tokens of one host. */
export class TokenStore {
  readonly #sealed: SealedFolder;
  readonly #secret: Uint8Array;
  readonly #limits: EnclaveLimits;
  readonly #records = new Map<string, TokenRecord>();

  /** `forget` drops the list on disk, for when the secret is new. A list that is damaged is set aside: its tokens are void. */
  constructor(
    sealed: SealedFolder,
    secret: Uint8Array,
    limits: EnclaveLimits,
    options: { forget: boolean },
  ) {
    this.#sealed = sealed;
    this.#secret = secret;
    this.#limits = limits;
    const bytes = options.forget
      ? undefined
      : sealed.readOrSetAside(LIST_FILE, "all tokens are void");
    for (const record of bytes ? parseList(bytes) : []) this.#records.set(record.id, record);
  }

  /** Makes a token. Gives its text, or the reason why there is none. */
  create(
    wanted: Pick<TokenRecord, "name" | "description" | "functionId" | "expiry">,
    now: Date,
  ): { readonly token: string; readonly record: TokenRecord } | string {
    if (this.#records.size >= this.#limits.tokensMax) this.#dropExpired(now);
    if (this.#records.size >= this.#limits.tokensMax) {
      return `the host holds ${this.#limits.tokensMax} tokens already; delete some`;
    }
    const id = base58Id(crypto.getRandomValues(new Uint8Array(16)));
    const record: TokenRecord = { id, createdAt: now, ...wanted };
    this.#records.set(id, record);
    try {
      this.#save();
    } catch (thrown) {
      this.#records.delete(id);
      throw thrown;
    }
    const body = `${HEADER}.${base64url(utf8(JSON.stringify(claimsOf(record))))}`;
    return { token: `${body}.${base64url(this.#mac(body))}`, record };
  }

  /** Looks at a token at a time. Any text may be given. */
  check(token: string, now: Date): TokenVerdict {
    const invalid: TokenVerdict = { ok: false, reason: "token is not valid for this host" };
    const parts = token.length <= TOKEN_CHARACTERS_MAX ? token.split(".") : [];
    const mac = fromBase64url(parts[2] ?? "");
    if (parts.length !== 3 || parts[0] !== HEADER || mac?.length !== MAC_BYTES) return invalid;
    if (!timingSafeEqual(mac, this.#mac(`${parts[0]}.${parts[1]}`))) return invalid;
    // From here on the text is one that this host made; what it says is in the list.
    const claims: unknown = JSON.parse(fromUtf8(fromBase64url(parts[1])!)!);
    const id = isRecord(claims) ? String(claims.jti) : "";
    const fault = this.fault(id, now);
    if (fault) return { ok: false, reason: fault };
    const record = this.#records.get(id)!;
    this.#noteUse(record, now);
    const { functionId } = record;
    return {
      ok: true,
      id,
      scope: functionId === undefined ? { kind: "account" } : { kind: "function", functionId },
    };
  }

  /** Why a token of this id is no longer good: for sessions that outlive the check at their door. */
  fault(id: string, now: Date): string | undefined {
    const record = this.#records.get(id);
    if (!record) return "token was deleted";
    return record.expiry && now >= record.expiry ? "token is expired" : undefined;
  }

  /** All tokens, oldest first. */
  list(): TokenRecord[] {
    return [...this.#records.values()];
  }

  /** Voids a token; whether there was one of this id. */
  delete(id: string): boolean {
    const record = this.#records.get(id);
    if (!record) return false;
    this.#records.delete(id);
    try {
      this.#save();
    } catch (thrown) {
      this.#records.set(id, record);
      throw thrown;
    }
    return true;
  }

  #mac(body: string): Uint8Array {
    return new Uint8Array(createHmac("sha256", this.#secret).update(body).digest());
  }

  #noteUse(record: TokenRecord, now: Date): void {
    const before = record.lastUsed?.getTime() ?? 0;
    if (now.getTime() - before < LAST_USED_STEP_MS) return;
    record.lastUsed = now;
    try {
      this.#save();
    } catch {
      // A full disk must not lock people out; the next use tries again.
      record.lastUsed = undefined;
    }
  }

  #dropExpired(now: Date): void {
    for (const { id, expiry } of [...this.#records.values()]) {
      if (expiry && now >= expiry) this.#records.delete(id);
    }
  }

  #save(): void {
    this.#sealed.write(LIST_FILE, utf8(JSON.stringify(this.list())));
  }
}

/** RFC 7519, section 4.1; times in seconds. `function_id` says the scope for people who look inside; the list decides. */
function claimsOf(record: TokenRecord): Record<string, unknown> {
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
  return {
    iss: ISSUER,
    jti: record.id,
    iat: seconds(record.createdAt),
    ...(record.expiry && { exp: seconds(record.expiry) }),
    ...(record.functionId !== undefined && { function_id: record.functionId }),
  };
}

/** What this host wrote: the seal says that nobody else did. */
function parseList(bytes: Uint8Array): TokenRecord[] {
  const list = JSON.parse(fromUtf8(bytes)!) as (Record<keyof TokenRecord, string>)[];
  const date = (text: string | undefined) => text === undefined ? undefined : new Date(text);
  return list.map(({ id, name, description, functionId, createdAt, expiry, lastUsed }) => ({
    id,
    name,
    description,
    functionId,
    createdAt: new Date(createdAt),
    expiry: date(expiry),
    lastUsed: date(lastUsed),
  }));
}

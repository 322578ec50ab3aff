/**
 * The endpoints whose evidence binds the account's encryption key. `GET /v1/key` and, without a token, `GET /v1/user/<name>/key` are
 * where clients take the key from; on `GET /v1/deploy` they send a package encrypted to it.
 */
import { base64 } from "../../base/bytes.ts";
import { encodeUserData, evidenceToWire, type UserData } from "../../attestation/mod.ts";
import { sha256 } from "../../crypto/digest.ts";
import { type EnclaveLimits, JSON_FRAME_CHARACTERS_MAX, LABEL_CHARACTERS_MAX } from "../limits.ts";
import type { TeeDriver } from "../../tee/types.ts";
import type { FunctionRecord, FunctionStore } from "./function_store.ts";
import type { HostKeys } from "./keys.ts";
import type { PackageGate } from "./package_gate.ts";
import type { JsonRoute, SocketRoute } from "./routes.ts";
import { type Session, SessionError } from "./session.ts";

/** `/v1/key`. The client closes. */
export function keyEndpoint(keys: HostKeys): SocketRoute<Session> {
  return {
    kind: "socket",
    path: "/v1/key",
    access: "account",
    // Its one frame is a nonce.
    frameBytesMax: JSON_FRAME_CHARACTERS_MAX,
    async serve(session) {
      if (await attestAccount(session, keys)) await session.nextBinary();
    },
  };
}

/** How long one document of the open endpoint is given to everybody: signing one takes a TEE some ms, and anyone may ask. */
const DOCUMENT_MS = 60_000;

/** The evidence of the open endpoint binds no session: a key of zeros, to which nobody can encrypt. */
const NO_SESSION_KEY = new Uint8Array(32);
const NONCE_BYTES = 16;

/** `/v1/user/<name>/key`: the document without a session. */
export function userKeyEndpoint(
  user: string,
  keys: HostKeys,
  tee: TeeDriver,
  now: () => Date,
): JsonRoute {
  let latest: { readonly document: Promise<string>; readonly atMs: number } | undefined;
  const attest = async () => {
    const evidence = await tee.attest({
      nonce: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)),
      sessionKey: NO_SESSION_KEY,
      userData: encodeUserData(await accountUserData(keys)),
    });
    return base64(evidenceToWire(evidence));
  };
  return {
    kind: "json",
    path: "/v1/user/:name/key",
    access: "anyone",
    method: "GET",
    async answer({ name }) {
      if (name !== user) return { status: 404, body: { error: `there is no user ${name}` } };
      const atMs = now().getTime();
      if (!latest || Math.abs(atMs - latest.atMs) >= DOCUMENT_MS) {
        const document = attest();
        const made = latest = { document, atMs };
        document.catch(() => latest = latest === made ? undefined : latest);
      }
      return { status: 200, body: { attestation_document: await latest.document } };
    },
  };
}

/** `/v1/deploy`. */
export function deployEndpoint(
  store: FunctionStore,
  keys: HostKeys,
  limits: EnclaveLimits,
  gate: PackageGate,
  now: () => Date,
  onDeployed: (record: FunctionRecord) => Promise<void>,
): SocketRoute<Session> {
  return {
    kind: "socket",
    path: "/v1/deploy",
    access: "account",
    frameBytesMax: limits.packageBytesMax,
    refuse: () => gate.refusal(),
    serve: (session) =>
      gate.within(async () => {
        if (!await attestAccount(session, keys)) return;
        const message = await session.nextMessage();
        if (!message) return;
        const { name, isPublic } = parseDescription(message);
        const sealed = await session.nextBinary();
        if (!sealed) return;
        const zip = await (await keys.accountKey()).open(sealed);
        if (!zip) {
          throw new SessionError(
            "cannot decrypt the package: it is not for the key of this account",
          );
        }
        const record = await store.deploy(zip, name, isPublic, now());
        if (typeof record === "string") {
          throw new SessionError(`cannot deploy "${name}": ${record}`);
        }
        await onDeployed(record);
        await session.send({ id: record.id });
      }),
  };
}

async function attestAccount(session: Session, keys: HostKeys): Promise<boolean> {
  return await session.attest(await accountUserData(keys));
}

async function accountUserData(keys: HostKeys): Promise<UserData> {
  const { publicKey } = await keys.accountKey();
  return {
    encryptionKey: publicKey,
    encryptionKeyChecksum: sha256(publicKey),
    resultKey: keys.resultKey.publicKey,
  };
}

function parseDescription(
  message: Readonly<Record<string, unknown>>,
): { readonly name: string; readonly isPublic: boolean } {
  const { function_name: name, public: isPublic = false } = message;
  if (typeof name !== "string" || !isLabel(name)) {
    throw new SessionError(
      `"function_name" has to be a text of 1..${LABEL_CHARACTERS_MAX} printable characters`,
    );
  }
  if (typeof isPublic !== "boolean") throw new SessionError('"public" has to be true or false');
  return { name, isPublic };
}

/** Whether a text can name a function or a token: it is shown in terminals, so no control characters. */
export function isLabel(text: string): boolean {
  return text.length > 0 && text.length <= LABEL_CHARACTERS_MAX && !/\p{C}/u.test(text);
}

/**
 * `GET /v1/key` and `GET /v1/deploy`: the two endpoints whose evidence binds the account's encryption key. A client takes the key from
 * the first; on the second it sends a package encrypted to that key.
 */
import { sha256 } from "../../crypto/digest.ts";
import { LABEL_CHARACTERS_MAX } from "../limits.ts";
import type { EnclaveLimits } from "../limits.ts";
import type { FunctionStore } from "./function_store.ts";
import type { HostKeys } from "./keys.ts";
import type { SocketRoute } from "./routes.ts";
import { type Session, SessionError } from "./session.ts";

/** Frames of a client that only takes the key: a nonce. */
const KEY_FRAME_BYTES_MAX = 4096;

/** `/v1/key`. The client closes. */
export function keyEndpoint(keys: HostKeys): SocketRoute<Session> {
  return {
    kind: "socket",
    path: "/v1/key",
    access: "account",
    frameBytesMax: KEY_FRAME_BYTES_MAX,
    async serve(session) {
      if (await attestAccount(session, keys)) await session.nextBinary();
    },
  };
}

/** `/v1/deploy`. */
export function deployEndpoint(
  store: FunctionStore,
  keys: HostKeys,
  limits: EnclaveLimits,
  now: () => Date,
  onDeployed: (id: string, name: string, checksum: Uint8Array) => void,
): SocketRoute<Session> {
  let deploys = 0;
  return {
    kind: "socket",
    path: "/v1/deploy",
    access: "account",
    frameBytesMax: limits.packageBytesMax,
    refuse: () =>
      deploys < limits.deploysMax
        ? undefined
        : { status: 503, error: "the host is busy with other deployments; try again" },
    async serve(session) {
      deploys++;
      try {
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
        onDeployed(record.id, record.name, record.checksum);
        await session.send({ id: record.id });
      } finally {
        deploys--;
      }
    },
  };
}

async function attestAccount(session: Session, keys: HostKeys): Promise<boolean> {
  const { publicKey } = await keys.accountKey();
  return await session.attest({
    encryptionKey: publicKey,
    encryptionKeyChecksum: sha256(publicKey),
    resultKey: keys.resultKey.publicKey,
  });
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

/**
 * `GET /v1/run/<id>`: calls a function as often as the client likes on one connection, in order. The function's state lives from connect to
 * close; an error of the function ends the session. Checksums of input, function and output are signed by the key that the evidence
 * bound, so that a result can be shown to others.
 */
import { base64 } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/digest.ts";
import type { Sandbox } from "../../sandbox/types.ts";
import type { TeeDriver } from "../../tee/types.ts";
import { checksumFields, signedChecksumBytes } from "../frames.ts";
import type { EnclaveLimits } from "../limits.ts";
import type { FunctionStore } from "./function_store.ts";
import type { HostKeys } from "./keys.ts";
import type { SocketRoute } from "./routes.ts";
import { openSealedInput } from "./sealed_input.ts";
import { CLOSE, type Session, SessionError } from "./session.ts";

/** The endpoint. */
export function runEndpoint(
  store: FunctionStore,
  sandbox: Sandbox,
  tee: TeeDriver,
  keys: Pick<HostKeys, "resultKey" | "accountKey">,
  limits: EnclaveLimits,
): SocketRoute<Session> {
  const { resultKey } = keys;
  return {
    kind: "socket",
    path: "/v1/run/:id",
    access: "function",
    frameBytesMax: limits.inputBytesMax,
    refuse: ({ id }) =>
      store.find(id) ? undefined : { status: 404, error: `there is no function ${id}` },
    async serve(session, { id }) {
      const record = store.find(id);
      if (!record) throw new SessionError(`there is no function ${id}`);
      const { functionPackage, certificateKey, certificateKeyPem } = await store.load(record);
      const attested = await session.attest({
        functionChecksum: record.checksum,
        resultKey: resultKey.publicKey,
        certificateKid: certificateKey.kid,
      }, certificateKey.jwk);
      if (!attested) return;
      const running = await sandbox.open(functionPackage, { certificateKeyPem }, tee.platform);
      try {
        for (let input; (input = await session.nextInput());) {
          const outcome = await running.call(await openSealedInput(input, keys.accountKey));
          if (!outcome.ok) throw new SessionError(outcome.error, CLOSE.failed);
          const checksums = {
            input: sha256(input),
            function: record.checksum,
            output: sha256(outcome.output),
          };
          await session.send({
            type: "function_result",
            message: base64(outcome.output),
            checksums: checksumFields(checksums),
            signed_checksums: base64(resultKey.sign(signedChecksumBytes(checksums))),
          });
        }
      } finally {
        running.close();
      }
    },
  };
}

/**
 * `GET /v1/test`: runs a package once without storing it. After the start the client sends the zip and then one input, both sealed to the
 * session. The certificate key that the function sees is made for this one call.
 */
import { openPackage, PACKAGE_LIMITS } from "../../package/mod.ts";
import type { Sandbox } from "../../sandbox/types.ts";
import type { TeeDriver } from "../../tee/types.ts";
import type { EnclaveLimits } from "../limits.ts";
import type { CallRunner } from "./calls.ts";
import { CERTIFICATE_KEY_BITS, generateRsaPem, type ResultKey } from "./keys.ts";
import type { PackageGate } from "./package_gate.ts";
import type { SocketRoute } from "./routes.ts";
import { type Session, SessionError } from "./session.ts";

/** The endpoint. */
export function testEndpoint(parts: {
  readonly sandbox: Sandbox;
  readonly tee: TeeDriver;
  readonly resultKey: ResultKey;
  readonly calls: CallRunner;
  readonly limits: EnclaveLimits;
  readonly gate: PackageGate;
}): SocketRoute<Session> {
  const { sandbox, tee, resultKey, calls, limits, gate } = parts;
  return {
    kind: "socket",
    path: "/v1/test",
    access: "account",
    frameBytesMax: limits.packageBytesMax,
    refuse: () => gate.refusal(),
    serve: (session) =>
      gate.within(async () => {
        if (!await session.attest({ resultKey: resultKey.publicKey })) return;
        const zip = await session.nextInput();
        if (!zip) return;
        const opened = openPackage(zip, {
          ...PACKAGE_LIMITS,
          zipBytesMax: limits.packageBytesMax,
        });
        const fault = typeof opened === "string" ? opened : await sandbox.fault(opened);
        if (typeof opened === "string" || fault) {
          throw new SessionError(`cannot test the package: ${fault}`);
        }
        const input = await session.nextInput();
        if (!input) return;
        if (input.length > limits.inputBytesMax) {
          throw new SessionError(`the input has more than ${limits.inputBytesMax} bytes`);
        }
        const certificateKeyPem = await generateRsaPem(CERTIFICATE_KEY_BITS);
        const running = await sandbox.open(opened, { certificateKeyPem }, tee.platform);
        session.closed.then(() => running.close());
        try {
          await calls.answer(session, running, opened.checksum, input);
        } finally {
          running.close();
        }
      }),
  };
}

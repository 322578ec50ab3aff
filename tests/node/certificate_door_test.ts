/** Which enclave keys a node may vote for when it starts again: those of earlier runs until it is known of every host which one it has now. */
import { deepStrictEqual } from "node:assert";
import { FumataError } from "../../lib/base/errors.ts";
import { hex, utf8 } from "../../lib/base/bytes.ts";
import type { RsaPublicKey } from "../../lib/crypto/rsa.ts";
import { CertificateDoor } from "../../lib/node/certificate_door.ts";
import type { AttestedConnection } from "../../lib/node/enclave_link.ts";
import { Journal } from "../../lib/node/journal.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { certificateKey } from "../function/_world.ts";
import { evidenceOf, Listener } from "./_cluster.ts";

const DESCRIPTION = '{"kind":"open","policy":"random"}';
const DOMAIN = { checksum: new Uint8Array(32).fill(5), cluster: "test" };
const old = certificateKey();

/** A connection to a host that has this key. */
function connectionTo(kid: string): AttestedConnection {
  const jwk = { kty: "RSA", n: kid, e: "AQAB" };
  return {
    evidence: evidenceOf("simulated"),
    certificateKey: { kid, jwk } as unknown as RsaPublicKey,
    invoke: () => Promise.resolve(utf8(DESCRIPTION)),
    close() {},
  };
}

Deno.test("the key of an earlier run counts until every host has answered, and not beyond", async () => {
  using store = StateStore.open(undefined);
  const stored = { jwk: JSON.stringify(old.jwk), tee: "simulated", description: DESCRIPTION };
  store.saveKey(hex(DOMAIN.checksum), { kid: old.kid, ...stored });
  const late = Promise.withResolvers<AttestedConnection>();
  const told: (readonly string[])[] = [];
  let wake = () => {};
  const until = async (calls: number) => {
    while (told.length < calls) await new Promise<void>((resolve) => wake = resolve);
  };
  const door = new CertificateDoor(
    DOMAIN,
    {
      profile: "local",
      enclaves: [
        { name: "soon", connect: () => Promise.resolve(connectionTo("one")) },
        { name: "late", connect: () => late.promise },
      ],
    },
    store,
    new Journal(new Listener(), "self"),
    {
      nameOf: (id) => id,
      send() {},
      certified() {},
      certifiedEarlier() {},
      keys(kids, preferred) {
        told.push([preferred ?? "", ...kids]);
        wake();
      },
      refused(error) {
        throw error;
      },
      fail(thrown) {
        throw thrown;
      },
    },
  );
  try {
    door.start();
    await until(2);
    late.resolve(connectionTo("two"));
    await until(3);
  } finally {
    late.reject(new FumataError("unreachable", "Cannot reach it: the test is over"));
    await door[Symbol.asyncDispose]();
  }
  deepStrictEqual(told, [[old.kid, old.kid], ["one", "one", old.kid], ["one", "one", "two"]]);
});

/** The election function on this thread, with a host of its own: requests of anybody that reaches the enclave. */
import { createPrivateKey, sign } from "node:crypto";
import { cape_handler } from "../../function/leader-election/app.ts";
import type { EnclaveHost } from "../../function/leader-election/host.ts";
import { fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { closeRequest, rosterElectRequest } from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { isPlausiblePublicKey, verifyEd25519 } from "../../lib/crypto/ed25519.ts";
import {
  CLOSING,
  DOMAIN,
  issueRoster,
  PROPOSAL,
  quorumVotes,
  VOTERS,
} from "../certificate/_issue_roster.ts";
import { CERTIFICATE_PEM } from "../function/_keys.ts";
import { closingVotes, configFields, orderFor } from "../function/_roster.ts";
import { certificateKey } from "../function/_world.ts";
import type { Door } from "./_door.ts";
import { hostileJsonBytes, type Json, pick } from "./_mutate.ts";

/** Requests to the function: those of a roster's package and of one without. */
export const FUNCTION_DOOR: Door = {
  name: "function",
  what: "elect, close, describe and plain requests to the election function",
  suiteExecutions: 1_500,
  takenMin: 30,
  open(seed) {
    const prng = createPrng(seed);
    const cluster = utf8(JSON.stringify(configFields(4, 1)));
    const hosts = [hostOf(new Map([["cluster.json", cluster]])), hostOf(new Map())];
    const samples = requests();
    const scope = globalThis as unknown as { enclave?: EnclaveHost };
    let last = new Uint8Array();
    return {
      run() {
        last = Uint8Array.from(hostileJsonBytes(pick(prng, samples), prng));
        scope.enclave = prng.below(4) === 0 ? hosts[1] : hosts[0];
        try {
          cape_handler(last);
          return "taken";
        } catch (thrown) {
          if (isRefusal(thrown)) return "refused";
          throw thrown;
        }
      },
      lastInput: () => fromUtf8(last) ?? [...last].join(),
      close: () => void delete scope.enclave,
    };
  },
};

/** A plain error with words for the caller; a `TypeError` and the like is a fault of the function. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.constructor === Error && !thrown.message.includes("\n");
}

function requests(): Json[] {
  const json = (bytes: Uint8Array): Json => JSON.parse(fromUtf8(bytes)!);
  const { certificate } = issueRoster();
  const order = orderFor(DOMAIN, new Uint8Array(32).fill(5));
  return [
    json(rosterElectRequest(PROPOSAL, quorumVotes(), undefined)),
    json(rosterElectRequest({ ...PROPOSAL, term: 2 }, quorumVotes(), certificate)),
    json(
      closeRequest(CLOSING, order, closingVotes(DOMAIN, CLOSING, VOTERS.slice(0, 3)), certificate),
    ),
    { describe: {} },
    { node_list: ["a:1", "b:2", "c:10"] },
  ];
}

function hostOf(files: ReadonlyMap<string, Uint8Array>): EnclaveHost {
  const key = createPrivateKey(CERTIFICATE_PEM);
  const { kid } = certificateKey();
  const { n, e } = key.export({ format: "jwk" });
  return {
    checksum: DOMAIN.checksum,
    tee: "simulated",
    kid,
    certificateKey: { kty: "RSA", n: n!, e: e! },
    now: () => 1_700_000_000_000,
    sha256,
    verifyEd25519,
    isEd25519Key: isPlausiblePublicKey,
    signCertificate: (message) => new Uint8Array(sign("sha256", message, key)),
    replyTo() {},
    signWithPem: (pem, message) => new Uint8Array(sign("sha256", message, createPrivateKey(pem))),
    readFile(path) {
      const file = files.get(path);
      if (!file) throw new Error(`Cannot read "${path}": there is no such file`);
      return file;
    },
    hasFile: (path) => files.has(path),
  };
}

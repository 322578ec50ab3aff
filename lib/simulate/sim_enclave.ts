/**
 * A simulated enclave: the real election function with a host around it, and what can be wrong with one. Its RSA key is a stand-in (a real
 * one can't be made from a seed): signatures are hashes under a secret, as long as RSA's and just as deterministic.
 *
 * A hostile enclave holds the certificate key and does with it what it wants. What honest nodes do not accept from it is the point
 * (design §4.6): it alone elects nobody.
 */
import { cape_handler } from "../../function/leader-election/app.ts";
import { CLUSTER_FILE } from "../../function/leader-election/cluster_config.ts";
import type { EnclaveHost } from "../../function/leader-election/host.ts";
import { issue } from "../../function/leader-election/issue.ts";
import { certificateId } from "../../function/leader-election/rules.ts";
import { base64url, concat, equalBytes, fromBase64url, fromUtf8, utf8 } from "../base/bytes.ts";
import { messageOf } from "../base/errors.ts";
import type { Prng } from "../base/prng.ts";
import { sha256 } from "../crypto/digest.ts";
import { isPlausiblePublicKey, verifyEd25519 } from "../crypto/ed25519.ts";
import type { RsaPublicKey } from "../crypto/rsa.ts";
import { thumbprint } from "../crypto/thumbprint.ts";
import { randomBytes, randomText } from "./identities.ts";

/** How an enclave behaves. All but the first two are hostile. */
export const ENCLAVE_MOODS = [
  "honest",
  "down",
  /** Takes calls and never answers. */
  "drops",
  /** Answers with what it answered earlier. */
  "replays",
  /** Certifies another set of active nodes than was voted on. */
  "forks",
  /** Names another leader than was drawn, and signs that. */
  "chooses",
  /** Rolls the beacon again. */
  "rerolls",
] as const;

/** One of {@linkcode ENCLAVE_MOODS}. */
export type EnclaveMood = typeof ENCLAVE_MOODS[number];

/** What came of a call: an answer, a refusal in words, or nothing at all. */
export type EnclaveAnswer =
  | { readonly type: "answer"; readonly answer: Uint8Array }
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "silent" };

/** Earlier answers that a hostile enclave keeps. */
const ANSWERS_MAX = 16;
const MODULUS_BYTES = 256;

/** The enclave. */
export class SimEnclave {
  mood: EnclaveMood = "honest";
  /** How much longer than usual an answer takes, ms. */
  slowMs = 0;
  readonly name: string;
  readonly #checksum: Uint8Array;
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #prng: Prng;
  readonly #answers: Uint8Array[] = [];
  #secret: Uint8Array;
  #key: RsaPublicKey;

  /** `files` are those of the package that the function reads. */
  constructor(
    name: string,
    checksum: Uint8Array,
    files: ReadonlyMap<string, Uint8Array>,
    prng: Prng,
  ) {
    this.name = name;
    this.#checksum = checksum;
    this.#files = files;
    this.#prng = prng;
    this.#secret = randomBytes(prng, 32);
    this.#key = standInKey(this.#secret, prng);
  }

  /** The certificate key. */
  get key(): RsaPublicKey {
    return this.#key;
  }

  /** What the function says of itself. */
  describe(): string {
    return this.#run({}, utf8(JSON.stringify({ describe: {} })));
  }

  /** It was restarted and could not unseal its key. */
  rekey(): void {
    this.#secret = randomBytes(this.#prng, 32);
    this.#key = standInKey(this.#secret, this.#prng);
  }

  /** One call of the function. */
  call(input: Uint8Array): EnclaveAnswer {
    switch (this.mood) {
      case "down":
      case "drops":
        return { type: "silent" };
      case "replays": {
        const old = this.#answers[this.#prng.below(this.#answers.length + 1)];
        return old ? { type: "answer", answer: old } : this.#answer(() => this.#run({}, input));
      }
      case "forks":
        return this.#answer(() => this.#fork(input));
      case "chooses":
        return this.#answer(() => this.#choose(this.#run({}, input)));
      case "rerolls": {
        const roll = randomText(this.#prng, 16);
        const signCertificate = (message: Uint8Array) =>
          signature(this.#secret, isBeacon(message) ? concat(message, utf8(roll)) : message);
        return this.#answer(() => this.#run({ signCertificate }, input));
      }
      case "honest":
        return this.#answer(() => this.#run({}, input));
      default:
        return this.mood satisfies never;
    }
  }

  /** A certificate for whatever it is asked, without looking at the votes: only a hostile enclave does this. */
  certifyUnverified(input: Uint8Array): string | undefined {
    try {
      return certificateIn(this.#run({ verifyEd25519: () => true }, input));
    } catch {
      return undefined;
    }
  }

  #answer(make: () => string): EnclaveAnswer {
    try {
      const answer = utf8(make());
      if (this.#answers.push(answer) > ANSWERS_MAX) this.#answers.shift();
      return { type: "answer", answer };
    } catch (thrown) {
      return { type: "refused", reason: messageOf(thrown) };
    }
  }

  #run(changes: Partial<EnclaveHost>, input: Uint8Array): string {
    const outer = globalThis as { enclave?: EnclaveHost };
    // The function finds its host as a global, and is synchronous: nobody else sees this one.
    outer.enclave = { ...this.#host(), ...changes };
    try {
      return cape_handler(input);
    } finally {
      delete outer.enclave;
    }
  }

  #host(): EnclaveHost {
    const { jwk, kid } = this.#key;
    return {
      checksum: this.#checksum,
      tee: "simulated",
      kid,
      certificateKey: jwk,
      now: () => 0,
      sha256,
      verifyEd25519,
      // Answers travel in the clear here: who may read them is the work of the enclave host.
      replyTo: () => {},
      isEd25519Key: isPlausiblePublicKey,
      signCertificate: (message) => signature(this.#secret, message),
      signWithPem: () => {
        throw new Error("this package has no PEM key");
      },
      readFile: (path) => this.#files.get(path)!,
      hasFile: (path) => this.#files.has(path),
    };
  }

  /** Leaves out the first active node, under the votes for the whole set. */
  #fork(input: Uint8Array): string {
    const request = JSON.parse(fromUtf8(input)!);
    const bitmap = fromBase64url(request.elect?.bitmap ?? "");
    if (!bitmap || bitmap.length === 0) return this.#run({}, input);
    const first = bitmap.findIndex((byte) => byte !== 0);
    if (first >= 0) bitmap[first] &= bitmap[first] - 1;
    request.elect.bitmap = base64url(bitmap);
    return this.#run({ verifyEd25519: () => true }, utf8(JSON.stringify(request)));
  }

  /** Puts the leader's key and id of another voter into a certificate. */
  #choose(answer: string): string {
    const certificate = certificateIn(answer);
    const claims = JSON.parse(fromUtf8(fromBase64url(certificate.split(".")[1])!)!);
    const file = this.#files.get(CLUSTER_FILE);
    const { roster } = JSON.parse(fromUtf8(file ?? utf8('{"roster":[]}'))!) as {
      roster: { name: string; key: string }[];
    };
    const other = roster.find(({ name }) => name !== claims.name);
    if (!other || claims.sub === undefined) return answer;
    const leader = thumbprint({ kty: "OKP", crv: "Ed25519", x: other.key });
    claims.name = other.name;
    claims.cnf.jwk.x = other.key;
    claims.sub = base64url(leader);
    claims.jti = base64url(
      certificateId(sha256, { checksum: this.#checksum, cluster: claims.aud }, {
        term: claims.term,
        digest: fromBase64url(claims.digest)!,
        kid: fromBase64url(this.#key.kid)!,
        beacon: sha256(fromBase64url(claims.beacon)!),
        leader,
      }),
    );
    return JSON.stringify({ certificate: issue(this.#host(), "election+jwt", claims) });
  }
}

function certificateIn(answer: string): string {
  return JSON.parse(answer).certificate;
}

function isBeacon(message: Uint8Array): boolean {
  return fromUtf8(message.subarray(0, 6)) === "fumata";
}

function standInKey(secret: Uint8Array, prng: Prng): RsaPublicKey {
  const modulus = randomBytes(prng, MODULUS_BYTES);
  modulus[0] |= 0x80;
  const jwk = { kty: "RSA", n: base64url(modulus), e: "AQAB" } as const;
  return {
    jwk,
    kid: base64url(thumbprint(jwk)),
    bytes: MODULUS_BYTES,
    verify: (message, given) => equalBytes(given, signature(secret, message)),
  };
}

function signature(secret: Uint8Array, message: Uint8Array): Uint8Array {
  const hash = sha256(concat(secret, message));
  return concat(...Array.from({ length: MODULUS_BYTES / hash.length }, () => hash));
}

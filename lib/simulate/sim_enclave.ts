/**
 * A simulated enclave host: the real election function with a host around it, and what can be wrong with one. It has a key for each function that
 * it loads. The RSA keys are stand-ins (a real one can't be made from a seed): signatures are hashes under a secret, as long as
 * RSA's and just as deterministic.
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
import type { Binding } from "../attestation/types.ts";
import type { Prng } from "../base/prng.ts";
import { sha256 } from "../crypto/digest.ts";
import { isPlausiblePublicKey, verifyEd25519 } from "../crypto/ed25519.ts";
import type { RsaPublicKey } from "../crypto/rsa.ts";
import { thumbprint } from "../crypto/thumbprint.ts";
import { randomBytes, randomText } from "./identities.ts";
import type { SimPackage } from "./sim_function.ts";

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

/** How somebody else at the address of an enclave tries to pass for it. None of them has its keys. */
export const DISGUISES = [
  /** Evidence of another function. */
  "another-function",
  /** Evidence that the enclave once showed to somebody. */
  "old-evidence",
  /** Fresh evidence of the enclave, passed on, with a certificate key beside it that it does not bind. */
  "another-key",
] as const;

/** One of {@linkcode DISGUISES}. */
export type Disguise = typeof DISGUISES[number];

/** What a host shows at the start of a session: what the TEE vouches for, and the certificate key that comes beside it. */
export interface Shown {
  readonly binding: Binding;
  readonly key: Pick<RsaPublicKey, "kid">;
}

/** What came of a call: an answer, a refusal in words, or nothing at all. */
export type EnclaveAnswer =
  | { readonly type: "answer"; readonly answer: Uint8Array }
  | { readonly type: "refused"; readonly reason: string }
  | { readonly type: "silent" };

/** Earlier answers that a hostile enclave keeps. */
const ANSWERS_MAX = 16;
const MODULUS_BYTES = 256;
/** In place of X25519 keys: nothing is encrypted here. */
const SESSION_KEY = new Uint8Array(32);
const OLD_NONCE = new Uint8Array(16);

/** A function that was loaded, and the key that was born with it. */
interface Loaded {
  readonly package: SimPackage;
  secret: Uint8Array;
  key: RsaPublicKey;
}

/** The enclave. */
export class SimEnclave {
  mood: EnclaveMood = "honest";
  /** Calls that it has met in each mood. */
  readonly calls = new Map<EnclaveMood, number>();
  /** How much longer than usual an answer takes, ms. */
  slowMs = 0;
  /** Somebody else answers at its address. */
  disguise?: Disguise;
  readonly name: string;
  readonly #prng: Prng;
  /** Of all functions: who replays does not ask for which. */
  readonly #answers: Uint8Array[] = [];
  readonly #loaded = new Map<SimPackage, Loaded>();

  /** Begins with one function; others are loaded when somebody first asks for them. */
  constructor(name: string, first: SimPackage, prng: Prng) {
    this.name = name;
    this.#prng = prng;
    this.#load(first);
  }

  /** The certificate key of a function. */
  key(of: SimPackage): RsaPublicKey {
    return this.#load(of).key;
  }

  /** The certificate keys of all functions that it has loaded. */
  keys(): (readonly [SimPackage, RsaPublicKey])[] {
    return [...this.#loaded.values()].map((loaded) => [loaded.package, loaded.key]);
  }

  /** What whoever is at its address shows to who asks with this nonce. */
  show(of: SimPackage, nonce: Uint8Array): Shown {
    const { key } = this.#load(of);
    const { checksum: functionChecksum } = of;
    const sessionKey = SESSION_KEY;
    const binding = { nonce, sessionKey, functionChecksum, certificateKid: key.kid };
    switch (this.disguise) {
      case undefined:
        return { binding, key };
      case "another-function":
        return { binding: { ...binding, functionChecksum: sha256(functionChecksum) }, key };
      case "old-evidence":
        return { binding: { ...binding, nonce: OLD_NONCE }, key };
      case "another-key":
        return { binding, key: { kid: base64url(sha256(utf8(key.kid))) } };
      default:
        return this.disguise satisfies never;
    }
  }

  /** What a function says of itself. */
  describe(of: SimPackage): string {
    return run(this.#load(of), {}, utf8(JSON.stringify({ describe: {} })));
  }

  /** It was restarted and could not unseal its keys. */
  rekey(): void {
    for (const loaded of this.#loaded.values()) {
      loaded.secret = randomBytes(this.#prng, 32);
      loaded.key = standInKey(loaded.secret, this.#prng);
    }
  }

  /** One call of a function. */
  call(of: SimPackage, input: Uint8Array): EnclaveAnswer {
    const loaded = this.#load(of);
    this.calls.set(this.mood, (this.calls.get(this.mood) ?? 0) + 1);
    switch (this.mood) {
      case "down":
      case "drops":
        return { type: "silent" };
      case "replays": {
        const old = this.#answers[this.#prng.below(this.#answers.length + 1)];
        return old ? { type: "answer", answer: old } : this.#answer(() => run(loaded, {}, input));
      }
      case "forks":
        return this.#answer(() => fork(loaded, input));
      case "chooses":
        return this.#answer(() => choose(loaded, run(loaded, {}, input)));
      case "rerolls": {
        const roll = randomText(this.#prng, 16);
        const signCertificate = (message: Uint8Array) =>
          signature(loaded.secret, isBeacon(message) ? concat(message, utf8(roll)) : message);
        return this.#answer(() => run(loaded, { signCertificate }, input));
      }
      case "honest":
        return this.#answer(() => run(loaded, {}, input));
      default:
        return this.mood satisfies never;
    }
  }

  /** A certificate for whatever it is asked, without looking at the votes: only a hostile enclave does this. */
  certifyUnverified(of: SimPackage, input: Uint8Array): string | undefined {
    try {
      return certificateIn(run(this.#load(of), { verifyEd25519: () => true }, input));
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

  #load(of: SimPackage): Loaded {
    const known = this.#loaded.get(of);
    if (known) return known;
    const secret = randomBytes(this.#prng, 32);
    const loaded = { package: of, secret, key: standInKey(secret, this.#prng) };
    this.#loaded.set(of, loaded);
    return loaded;
  }
}

function run(loaded: Loaded, changes: Partial<EnclaveHost>, input: Uint8Array): string {
  const outer = globalThis as { enclave?: EnclaveHost };
  // The function finds its host as a global, and is synchronous: nobody else sees this one.
  outer.enclave = { ...hostOf(loaded), ...changes };
  try {
    return cape_handler(input);
  } finally {
    delete outer.enclave;
  }
}

function hostOf({ package: { checksum, files }, secret, key: { jwk, kid } }: Loaded): EnclaveHost {
  return {
    checksum,
    tee: "simulated",
    kid,
    certificateKey: jwk,
    now: () => 0,
    sha256,
    verifyEd25519,
    // Answers travel in the clear here: who may read them is the work of the enclave host.
    replyTo: () => {},
    isEd25519Key: isPlausiblePublicKey,
    signCertificate: (message) => signature(secret, message),
    signWithPem: () => {
      throw new Error("this package has no PEM key");
    },
    readFile: (path) => files.get(path)!,
    hasFile: (path) => files.has(path),
  };
}

/** Leaves out the first active node, under the votes for the whole set. */
function fork(loaded: Loaded, input: Uint8Array): string {
  const request = JSON.parse(fromUtf8(input)!);
  const bitmap = fromBase64url(request.elect?.bitmap ?? "");
  if (!bitmap || bitmap.length === 0) return run(loaded, {}, input);
  const first = bitmap.findIndex((byte) => byte !== 0);
  if (first >= 0) bitmap[first] &= bitmap[first] - 1;
  request.elect.bitmap = base64url(bitmap);
  return run(loaded, { verifyEd25519: () => true }, utf8(JSON.stringify(request)));
}

/** Puts the leader's key and id of another voter into a certificate. */
function choose(loaded: Loaded, answer: string): string {
  const { checksum, files } = loaded.package;
  const certificate = certificateIn(answer);
  const claims = JSON.parse(fromUtf8(fromBase64url(certificate.split(".")[1])!)!);
  const file = files.get(CLUSTER_FILE);
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
    certificateId(sha256, { checksum, cluster: claims.aud }, {
      term: claims.term,
      digest: fromBase64url(claims.digest)!,
      kid: fromBase64url(loaded.key.kid)!,
      beacon: sha256(fromBase64url(claims.beacon)!),
      leader,
    }),
  );
  return JSON.stringify({ certificate: issue(hostOf(loaded), "election+jwt", claims) });
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

/** Mutants of the strict verifiers of signatures (design §4.2: full-length signatures, e = 65537; §4.4: a vote has one text). */
import { type Mutant, mutantsOf } from "./_types.ts";

/** All of them. */
export const CRYPTO_MUTANTS: readonly Mutant[] = [
  ...mutantsOf("crypto", "lib/crypto/rsa.ts", [
    [
      "rsa-exponent",
      "e = 65537",
      'if (e !== "AQAB") return',
      'if (e !== "AQAB" && e !== "Aw") return',
    ],
    [
      "rsa-short-modulus",
      "no modulus of less than 2048 bits",
      "if (modulus.length < MODULUS_BYTES_MIN || modulus.length",
      "if (modulus.length < MODULUS_BYTES_MIN / 2 || modulus.length",
    ],
    [
      "rsa-signature",
      "a signature is one over the message",
      `return verify("RSA-SHA256", message, key, signature);`,
      `return verify("RSA-SHA256", message, key, signature) || message.length > 0;`,
    ],
  ]),
  ...mutantsOf("crypto", "lib/crypto/ed25519.ts", [
    [
      "ed25519-small-order",
      "a key of small order is nobody's",
      "return isBelow(y, PRIME) && !SMALL_ORDER_Y.some((small) => small.every((b, i) => b === y[i]));",
      "return isBelow(y, PRIME) && SMALL_ORDER_Y.length > 0;",
    ],
    [
      "ed25519-canonical",
      "a key has one text",
      "return isBelow(y, PRIME) && !",
      "return y.length > 0 && !",
    ],
  ]),
];

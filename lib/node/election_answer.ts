/** The election function's answer: JSON with the certificate in it. */
import { fromUtf8 } from "../base/bytes.ts";
import { FumataError } from "../base/errors.ts";

/** The JWS of an answer. Throws a `function` error when there is none. */
export function certificateOf(answer: Uint8Array): string {
  try {
    const value = JSON.parse(fromUtf8(answer) ?? "");
    if (typeof value?.certificate === "string") return value.certificate;
  } catch { /* said below */ }
  throw new FumataError("function", "Cannot use the function's answer: it holds no certificate");
}

/**
 * The seeds' call, unchanged: `{"node_list": [...]}` gives the greatest node and its RSASSA-PKCS1-v1_5 SHA-256 signature in hex under
 * `private.pem` of the package. Nothing proves who asked or that the list is true; the certified election does.
 *
 * Greatest means last after Python's `list.sort()`: texts by code points, numbers by value, never both; the message is Python's `str` of
 * it, and the answer has the very bytes of Python's `json.dumps`.
 */
import { enclaveHost } from "./host.ts";

const KEY_FILE = "private.pem";

/** Answers the call as JSON. Throws an `Error` with a reason of one line. */
export function plainElection(nodeList: unknown): string {
  const enclave = enclaveHost();
  const message = greatestNode(nodeList);
  if (!enclave.hasFile(KEY_FILE)) {
    throw new Error(
      `Cannot sign: the package has no ${KEY_FILE}; make one with "fumata keygen" in the function's folder and deploy it again`,
    );
  }
  const pem = new TextDecoder().decode(enclave.readFile(KEY_FILE));
  const signature = enclave.signWithPem(pem, new TextEncoder().encode(message));
  return `{"message": ${pythonJson(message)}, "signature": "${hex(signature)}"}`;
}

/** The last node after sorting, as a text. */
function greatestNode(nodes: unknown): string {
  const refuse = (why: string): never => {
    throw new Error(`Cannot elect: node_list ${why}`);
  };
  if (!Array.isArray(nodes)) return refuse("is not an array");
  if (nodes.length === 0) return refuse("is empty");
  if (nodes.every((node) => typeof node === "string")) {
    const greatest = nodes.reduce((best, node) => compareCodePoints(node, best) > 0 ? node : best);
    return greatest.isWellFormed() ? greatest : refuse("holds a text that is not Unicode");
  }
  if (nodes.every((node) => Number.isSafeInteger(node))) {
    return String(nodes.reduce((best, node) => node > best ? node : best));
  }
  return refuse("holds something else than only texts or only whole numbers");
}

/** Python's order of texts. JavaScript's own differs above U+FFFF, whose halves sort below U+E000. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()];
  while (true) {
    const [x, y] = [left.next(), right.next()];
    if (x.done || y.done) return Number(!x.done) - Number(!y.done);
    const difference = x.value.codePointAt(0)! - y.value.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
}

/** A text as `json.dumps` writes it: ASCII only. */
function pythonJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * How commands find a running node: a file in its state folder that says where its HTTP interface is, and one with the token, both
 * readable by the owner only. The first is there while the node runs; the token stays the same.
 */
import { base64url } from "../base/bytes.ts";
import { FumataError, messageOf } from "../base/errors.ts";

/** Where a running node is. */
export interface ControlFile {
  /** Its gossip address, `host:port`. */
  readonly node: string;
  /** Its HTTP address, `host:port`. */
  readonly http: string;
  readonly id: string;
  readonly name: string;
  readonly cluster: string;
}

/** Names in the state folder. */
const CONTROL_NAME = "http.json";
const TOKEN_NAME = "http-token";
const TOKEN_BYTES = 32;
const FILE_BYTES_MAX = 16 * 1024;

/** The token of a state folder; made at the first call. */
export function folderToken(folder: string): string {
  const path = `${folder}/${TOKEN_NAME}`;
  const known = readToken(path);
  if (known) return known;
  const token = base64url(crypto.getRandomValues(new Uint8Array(TOKEN_BYTES)));
  writePrivate(path, token + "\n");
  return token;
}

/** The token in a file, or `undefined` when there is no such file. Throws a {@linkcode FumataError} for one that is empty or unreadable. */
export function readToken(path: string): string | undefined {
  const text = readSmall(path)?.trim();
  if (text === "") {
    throw new FumataError("usage", `Cannot use the token file "${path}": it is empty`);
  }
  return text;
}

/** The token in a file that has to be there. */
export function requireToken(path: string): string {
  const token = readToken(path);
  if (token !== undefined) return token;
  throw new FumataError("usage", `Cannot use the token file "${path}": there is no such file`);
}

/** The token of a node's folder for a client. */
export function tokenOfFolder(folder: string): string | undefined {
  return readToken(`${folder}/${TOKEN_NAME}`);
}

/** Says where the node is. */
export function writeControlFile(folder: string, control: ControlFile): void {
  writePrivate(`${folder}/${CONTROL_NAME}`, JSON.stringify(control) + "\n");
}

/** Takes it back. */
export function removeControlFile(folder: string): void {
  try {
    Deno.removeSync(`${folder}/${CONTROL_NAME}`);
  } catch { /* gone with the folder */ }
}

/** What the folder says, or `undefined` when no node runs there or the file is damaged. */
export function readControlFile(folder: string): ControlFile | undefined {
  try {
    const value = JSON.parse(readSmall(`${folder}/${CONTROL_NAME}`) ?? "null");
    const names = ["node", "http", "id", "name", "cluster"];
    return names.every((name) => typeof value?.[name] === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

function readSmall(path: string): string | undefined {
  try {
    if (Deno.statSync(path).size > FILE_BYTES_MAX) throw new Error("it is too long");
    return Deno.readTextFileSync(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw new FumataError("usage", `Cannot read "${path}": ${messageOf(thrown)}`);
  }
}

function writePrivate(path: string, text: string): void {
  const temporary = `${path}.new`;
  try {
    Deno.writeTextFileSync(temporary, text, { mode: 0o600 });
    Deno.renameSync(temporary, path);
  } catch (thrown) {
    throw new FumataError("failure", `Cannot write "${path}": ${messageOf(thrown)}`);
  }
}

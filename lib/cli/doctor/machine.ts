/** What can be seen on this machine alone: ports, the state folder, the key file. */
import { statfs } from "node:fs/promises";
import { readControlFile } from "../../api/control_file.ts";
import { type Address, formatAddress } from "../../base/address.ts";
import { FumataError, messageOf } from "../../base/errors.ts";
import { KeyringFile } from "../../node/keyring_file.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

/** A node's state is below 10 MiB; a full disk stops it, since a vote that is not stored is not sent. */
const FREE_BYTES_MIN = 64 * 1024 * 1024;
const MIB = 1024 * 1024;

/** Where the running node of a state folder answers over HTTP; `undefined` when none does. */
export async function runningNode(folder: string | undefined): Promise<string | undefined> {
  const control = folder === undefined ? undefined : readControlFile(folder);
  if (!control) return undefined;
  try {
    const response = await fetch(`http://${control.http}/healthz`, {
      signal: AbortSignal.timeout(2_000),
    });
    await response.body?.cancel();
    return response.ok ? control.http : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a node can listen here, or does already. */
export function checkPorts(at: Address, isRunning: boolean): Finding[] {
  const taken = (["TCP", "UDP"] as const).flatMap((kind) => {
    const why = bindFailure(kind, at);
    return why === undefined ? [] : [{ kind, why }];
  });
  const where = formatAddress(at);
  if (taken.length === 0) {
    if (!isRunning) return [ok("ports", `UDP and TCP of ${where} are free`)];
    const advice = "is this the configuration of the node whose state folder this is?";
    return [warn("ports", `a node runs, and ${where} is free all the same`, advice)];
  }
  if (isRunning) return [ok("ports", `the running node has UDP and TCP of ${where}`)];
  return taken.map(({ kind, why }) => {
    const advice = /use/i.test(why)
      ? `end the program that has it, or choose another --port; "ss -lpn" shows which it is`
      : "name an address of this machine with --host";
    return fail("ports", `${kind} of ${where} is not to be had: ${why}`, advice);
  });
}

function bindFailure(kind: "TCP" | "UDP", { host, port }: Address): string | undefined {
  try {
    const options = { hostname: host, port };
    if (kind === "TCP") Deno.listen(options).close();
    else Deno.listenDatagram({ ...options, transport: "udp" }).close();
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** Whether the folder keeps what a node has to remember. */
export async function checkStateFolder(folder: string | undefined): Promise<Finding[]> {
  if (folder === undefined) {
    const advice = "name a folder with --state; without its votes a roster's voter counts as dead";
    return [warn("state", "this node would remember nothing", advice)];
  }
  const found = await Deno.stat(folder).catch(() => undefined);
  if (!found) {
    const parent = folder.replace(/\/[^/]*$/, "") || "/";
    return [
      ok("state", `"${folder}" is not there yet and is made at the first start in ${parent}`),
    ];
  }
  if (!found.isDirectory) {
    return [fail("state", `"${folder}" is no folder`, "name another one with --state")];
  }
  const findings: Finding[] = [];
  const unwritable = await writeFailure(folder);
  if (unwritable !== undefined) {
    const advice = "give the folder to the user that runs the node";
    findings.push(fail("state", `"${folder}" takes no file: ${unwritable}`, advice));
  }
  if (found.mode !== null && (found.mode & 0o077) !== 0) {
    const advice = `the identity key lies there: chmod 700 "${folder}"`;
    findings.push(warn("state", `others can read "${folder}"`, advice));
  }
  const freeBytes = await statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => Infinity,
  );
  if (freeBytes < FREE_BYTES_MIN) {
    const left = `${Math.floor(freeBytes / MIB)} MiB are left on its disk`;
    findings.push(warn("state", left, "make room: a vote that cannot be stored is not cast"));
  }
  return findings.length > 0 ? findings : [ok("state", `"${folder}" keeps what it is given`)];
}

async function writeFailure(folder: string): Promise<string | undefined> {
  const path = `${folder}/.doctor-${crypto.randomUUID()}`;
  try {
    {
      using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
      await file.write(new Uint8Array(4096));
      await file.sync();
    }
    await Deno.remove(path);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** Whether gossip is sealed, and the keys are kept from others. */
export function checkClusterKeys(path: string | undefined, isLocal: boolean): Finding[] {
  if (path === undefined) {
    const what = "gossip is signed and can be read on the wire";
    if (isLocal) return [ok("keys", `${what}; it stays on this machine`)];
    const advice = '"fumata keygen --cluster-key FILE", the same file for all, and --encrypt FILE';
    return [warn("keys", what, advice)];
  }
  try {
    const { keyring, isExposed } = KeyringFile.open(path);
    if (isExposed) return [warn("keys", `others can read "${path}"`, `chmod 600 "${path}"`)];
    return [ok("keys", `gossip is sealed with key ${keyring[0].id}, ${keyring.length} in all`)];
  } catch (thrown) {
    if (!(thrown instanceof FumataError)) throw thrown;
    return [fail("keys", thrown.message, "mend or replace the file")];
  }
}

/** Whether the enclave is there, shows the evidence that is demanded and runs the pinned function; and what its clock says. */
import { base64url } from "../../base/bytes.ts";
import { FumataError, messageOf } from "../../base/errors.ts";
import type { FunctionDescription } from "../../node/function_description.ts";
import { describe } from "../../node/enclave_link.ts";
import type { EnclaveHost } from "../../node/enclave_hosts.ts";
import { StateStore } from "../../node/state_store.ts";
import { fail, type Finding, ok, warn } from "./finding.ts";

/** The header `Date` counts whole seconds, and the way there and back takes its time. */
const CLOCK_MS_WARN = 3_000;
/** Certificates of attestation are judged by the clock; a minute off, fresh ones count as not valid yet. */
const CLOCK_MS_FAIL = 60_000;
const ANSWER_MS_MAX = 5_000;

/** What was found, and what the function said of itself when it could be asked. */
export interface EnclaveFindings {
  readonly findings: readonly Finding[];
  readonly description?: FunctionDescription;
}

/** Attests a host as a node does: nothing but a nonce leaves before its evidence is verified. */
export async function checkEnclave(host: EnclaveHost): Promise<EnclaveFindings> {
  const check = "enclave";
  try {
    const connection = await host.connect();
    try {
      const { evidence: { platform }, description } = await describe(connection);
      const { kind, policy } = description;
      const what = `${host.name} is verified: ${platform}, ${kind} cluster, policy ${policy}`;
      const isSimulated = platform === "simulated";
      const advice = "for trials only: a simulated TEE keeps its keys on the host's disk";
      return {
        description,
        findings: [isSimulated ? warn(check, `${what} (insecure)`, advice) : ok(check, what)],
      };
    } finally {
      await connection.close();
    }
  } catch (thrown) {
    if (!(thrown instanceof FumataError)) throw thrown;
    return { findings: [fail(check, thrown.message, adviceFor(thrown))] };
  }
}

function adviceFor({ code }: FumataError): string {
  if (code === "refused") {
    return "compare the pins (checksum, platform, measurements, root) with what its operator says; do not loosen them";
  }
  if (code === "unreachable") return "start the host, or name where it is with --enclave";
  return 'does the host have this function? "fumata list" shows what it has';
}

/** How far this machine's clock is from that of the enclave host, as far as whole seconds tell. */
export async function checkClock(host: EnclaveHost, wallMs = () => Date.now()): Promise<Finding[]> {
  const check = "clock";
  let header: string | null;
  const beforeMs = wallMs();
  try {
    const response = await fetch(host.name, {
      method: "HEAD",
      redirect: "manual",
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    await response.body?.cancel();
    header = response.headers.get("date");
  } catch (thrown) {
    const what = `the clock could not be compared with ${host.name}: ${messageOf(thrown)}`;
    return [warn(check, what, "see what is said of the enclave")];
  }
  const afterMs = wallMs();
  const theirMs = Date.parse(header ?? "");
  if (Number.isNaN(theirMs)) {
    return [warn(check, `${host.name} tells no time`, "compare the clocks by hand")];
  }
  // Their second began at most one second before.
  const [leastMs, mostMs] = [theirMs - afterMs, theirMs + 1_000 - beforeMs];
  const offMs = leastMs > 0 ? leastMs : mostMs < 0 ? mostMs : 0;
  const words = `${Math.abs(offMs / 1000).toFixed(1)} s ${offMs > 0 ? "behind" : "ahead of"}`;
  if (Math.abs(offMs) < CLOCK_MS_WARN) {
    return [ok(check, `this clock and that of ${host.name} agree to the second`)];
  }
  const advice = "let NTP set the clocks of both; evidence is judged by them";
  const what = `this clock is ${words} that of ${host.name}`;
  return [Math.abs(offMs) < CLOCK_MS_FAIL ? warn(check, what, advice) : fail(check, what, advice)];
}

/** Whether this node's key is in the roster; a node that runs holds its folder, and has passed this already. */
export function checkRoster(
  description: FunctionDescription,
  folder: string | undefined,
  isRunning: boolean,
  cluster: string,
): Finding[] {
  const check = "roster";
  if (description.kind === "open") return [];
  const { config } = description;
  if (config.cluster !== cluster) {
    const what = `the function is for cluster "${config.cluster}", the node for "${cluster}"`;
    return [fail(check, what, `start the node with --cluster ${config.cluster}`)];
  }
  if (isRunning) return [ok(check, "the running node is in the roster")];
  if (folder === undefined || !hasState(folder)) {
    const advice = '"fumata identity --state DIR" makes the key; put it into cluster.json';
    return [fail(check, "this node has no identity yet, so no roster lists it", advice)];
  }
  try {
    using store = StateStore.open(folder);
    const key = base64url(store.identity.publicKey);
    const entry = config.roster.find((voter) => base64url(voter.key) === key);
    if (entry) return [ok(check, `this node is ${entry.name} of ${config.roster.length} voters`)];
    const advice = "use the state folder of a listed key, or deploy a package that lists this one";
    return [fail(check, `the key ${key} of this node is not in the roster`, advice)];
  } catch (thrown) {
    if (!(thrown instanceof FumataError)) throw thrown;
    return [fail(check, thrown.message, "see what is said of the state folder")];
  }
}

function hasState(folder: string): boolean {
  try {
    return [...Deno.readDirSync(folder)].some(({ isFile }) => isFile);
  } catch {
    return false;
  }
}

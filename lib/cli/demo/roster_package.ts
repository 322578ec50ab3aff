/** The election function with a `cluster.json` of the demo's own, as a user would put it together: the shipped folder and the roster beside it. */
import { CLUSTER_FILE } from "../../../function/leader-election/cluster_config.ts";

/** One voter of the demo, as `fumata identity --json` prints it. */
export interface Voter {
  readonly name: string;
  readonly id: string;
  /** Raw Ed25519 key, base64url. */
  readonly key: string;
}

/** Length of the demo's lease, ms: twice what one machine needs, so that people can watch it run down. */
export const DEMO_LEASE_MS = 1_000;

/** From how many voters on the demo tolerates two liars; below it tolerates one. */
const VOTERS_FOR_TWO = 7;

/** How many of so many voters may lie: chosen here, since a roster never guesses it. */
export function faultBoundOf(voters: number): number {
  return voters >= VOTERS_FOR_TWO ? 2 : 1;
}

/** Copies the function and writes the roster beside it. */
export async function writeRosterPackage(
  from: string,
  to: string,
  cluster: string,
  voters: readonly Voter[],
): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isFile } of Deno.readDir(from)) {
    if (isFile) await Deno.writeFile(`${to}/${name}`, await Deno.readFile(`${from}/${name}`));
  }
  const config = {
    cluster,
    faultBound: faultBoundOf(voters.length),
    policy: "random",
    lease: { leaseMs: DEMO_LEASE_MS, driftPpm: 500 },
    roster: voters.map(({ name, key }) => ({ name, key })),
  };
  await Deno.writeTextFile(`${to}/${CLUSTER_FILE}`, JSON.stringify(config, null, 2) + "\n");
}

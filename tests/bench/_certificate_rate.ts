/** How many certificates one enclave host signs in a second: sessions that ask, each one call after the other, for the first election of a roster. */
import {
  readClusterConfig,
  rosterDigest,
  rosterElectRequest,
  rosterProposalTexts,
} from "../../lib/certificate/roster_proposal.ts";
import { base64url, fromHex } from "../../lib/base/bytes.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { nodeCommand } from "../../lib/cli/commands/node.ts";
import { readProfile } from "../../lib/cli/profile.ts";
import { connectEnclave } from "../../lib/enclave/client/mod.ts";
import { rosterGenesis, rosterOf, rosterRules } from "../../lib/node/roster_cluster.ts";
import type { FumataCluster } from "./_fumata_cluster.ts";

/** Certificates per second with so many sessions at a time, over so many seconds. */
export async function certificatesPerSecond(
  cluster: FumataCluster,
  sessions: number,
  seconds: number,
): Promise<number> {
  const { profile, functionWords } = cluster.target;
  const words = parseArguments([...functionWords], nodeCommand);
  const checksum = fromHex(words.text("checksum")!)!;
  const known = (await readProfile(profile, true))!;
  const connections = await Promise.all(Array.from({ length: sessions }, () =>
    connectEnclave({
      url: known.enclave,
      token: known.token,
      policy: known.attestation,
      functionId: words.text("function")!,
      checksum,
    })));
  try {
    const input = await requestOf(cluster, checksum, connections[0].certificateKey!.kid);
    const endMs = performance.now() + seconds * 1000;
    const startMs = performance.now();
    let count = 0;
    await Promise.all(connections.map(async (connection) => {
      for (; performance.now() < endMs; count++) await connection.invoke(input);
    }));
    return count / ((performance.now() - startMs) / 1000);
  } finally {
    for (const connection of connections) connection[Symbol.dispose]();
  }
}

/** The first election of this roster with a quorum of genuine votes. */
async function requestOf(
  cluster: FumataCluster,
  checksum: Uint8Array,
  kid: string,
): Promise<Uint8Array> {
  const config = readClusterConfig(await cluster.clusterJson);
  if (typeof config === "string") throw new Error(config);
  const domain = { checksum, cluster: config.cluster };
  const { voters, votesNeeded } = rosterOf(config);
  const texts = rosterProposalTexts(config, {
    term: 1,
    prev: rosterGenesis(domain),
    kid,
    active: voters.map(({ id }) => id),
    tenure: 0,
  });
  const digest = base64url(rosterDigest(domain, texts));
  const votes = cluster.identities.slice(0, votesNeeded).map((identity) =>
    rosterRules(identity, domain, config, () => "").signVote(1, digest)
  );
  return rosterElectRequest(texts, votes);
}

/** State folders that were rolled back (design §4.9): such a node has no more weight than a liar, and stops when it sees its own signature. */
import { ok, rejects } from "node:assert";
import { rosterWorld } from "../node/_roster.ts";
import { leaseHolder } from "../node/_roster.ts";
import type { TestNode } from "../node/_cluster.ts";
import { Observer } from "./_observer.ts";

const OWN_KEY = /this node's key has signed/;

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isFile } of Deno.readDir(from)) {
    if (isFile) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

Deno.test("a voter whose folder was rolled back stops at its own vote, and moves nothing", async () => {
  await using world = await rosterWorld(4, 1);
  const first = world.start(0, []);
  const rest = [1, 2, 3].map((i) => world.start(i, [first]));
  const [, , , victim] = [first, ...rest];
  const others = [first, rest[0], rest[1]];
  const observer = new Observer([...others, victim]);
  const running: TestNode[] = [...others];
  try {
    await leaseHolder([...others, victim]);
    await victim[Symbol.asyncDispose]();
    await copyFolder(world.folders[3], `${world.folders[3]}-old`);
    // It takes part in further terms, until a certificate carries its vote.
    const again = world.start(3, [first]);
    running.push(again);
    observer.watch(again);
    const mayVote = await leaseHolder([...others, again], [0, 0, 0, 0]);
    ok(mayVote);
    for (let carries = false; !carries;) {
      const nodes = [...others, again];
      const marks = nodes.map(({ listener }) => listener.said.length);
      nodes.find(({ node }) => node.leader?.leader === node.id)?.node.stepDown();
      const { node } = await leaseHolder(nodes, marks);
      const key = keyIn(world.clusterJson, 3);
      carries = node.leader!.document.bundle.some((vote) => vote.key === key);
    }
    await again[Symbol.asyncDispose]();
    await Deno.remove(world.folders[3], { recursive: true });
    await Deno.rename(`${world.folders[3]}-old`, world.folders[3]);
    const rolledBack = world.start(3, [first]);
    running.push(rolledBack);
    observer.watch(rolledBack);
    await rejects(rolledBack.node.stopped, OWN_KEY);
    await leaseHolder(others, [0, 0, 0]);
    observer.check();
  } finally {
    for (const node of running) await node[Symbol.asyncDispose]();
  }
});

function keyIn(clusterJson: object, place: number): string {
  return (clusterJson as { roster: { key: string }[] }).roster[place].key;
}

/** State folders that were rolled back or copied (design §4.9): such a node has no more weight than a liar, and stops when it sees its own signature. */
import { match, ok, rejects } from "node:assert";
import { limited } from "../node/_limit.ts";
import { leaseHolder, rosterWorld } from "../node/_roster.ts";
import type { TestNode } from "../node/_cluster.ts";
import { Observer } from "./_observer.ts";

const OWN_KEY = /this node's key has signed|another process uses this node's key/;

/** Elections until a copy has been noticed: the first after it was heard of, while all hear all. */
const TERMS_MAX = 40;

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
    const stopped = rejects(rolledBack.node.stopped, OWN_KEY);
    await limited("the end of the voter that was rolled back", running, stopped);
    await leaseHolder(others, [0, 0, 0]);
    observer.check();
  } finally {
    for (const node of running) await node[Symbol.asyncDispose]();
  }
});

Deno.test("two processes with one voter's folder: the copy is noticed, one leader at a time is left", async () => {
  await using world = await rosterWorld(4, 1);
  // Made by the first start, so that both have the same identity and nothing else.
  await copyFolder(world.folders[3], `${world.folders[3]}-copy`);
  const first = world.start(0, []);
  const rest = [1, 2, 3].map((i) => world.start(i, [first]));
  const others = [first, rest[0], rest[1]];
  const nodes = [first, ...rest];
  const observer = new Observer(nodes);
  try {
    await leaseHolder(nodes);
    const copy = world.start(3, [first], { stateFolder: `${world.folders[3]}-copy` });
    nodes.push(copy);
    let isNoticed = false;
    const reported = [rest[2], copy].map(async (node) => {
      const said = await node.listener.until(({ event }) => event === "own-key-elsewhere");
      match(said.message, OWN_KEY);
    });
    const stopped = [rest[2], copy].map((node) => rejects(node.node.stopped, OWN_KEY));
    const noticed = Promise.any([...reported, ...stopped]).then(() => {
      isNoticed = true;
    });
    const isLed = () => others.some(({ node }) => node.leaseRemainingMs() > 0);
    const elect = async () => {
      const marks = nodes.map(({ listener }) => listener.said.length);
      nodes.find(({ node }) => node.leaseRemainingMs() > 0)?.node.stepDown();
      const leads = leaseHolder(nodes, marks);
      await (isNoticed ? leads : Promise.race([noticed, leads]));
    };
    // Each election has both sign, and each of them is shown what the other one signed.
    for (let terms = 0; !isNoticed || !isLed(); terms++) {
      ok(terms < TERMS_MAX, `after ${terms} elections the copy is not noticed`);
      await elect();
    }
    observer.check();
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});

function keyIn(clusterJson: object, place: number): string {
  return (clusterJson as { roster: { key: string }[] }).roster[place].key;
}

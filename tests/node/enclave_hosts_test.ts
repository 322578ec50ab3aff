/** Several enclave hosts under a roster cluster of real nodes: which one is called, what the loss of one costs, who serves whom. */
import { match, ok, rejects, strictEqual } from "node:assert";
import { FumataError } from "../../lib/base/errors.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import type { CommandContext } from "../../lib/cli/command.ts";
import { nodeCommand } from "../../lib/cli/commands/node.ts";
import { loadHosts } from "../../lib/cli/enclave_hosts.ts";
import type { EnclaveHost } from "../../lib/node/enclave_hosts.ts";
import { BareEnclave, evidenceOf, type TestNode } from "./_cluster.ts";
import { leaseHolder, rosterWorld } from "./_roster.ts";

const disposeAll = async (nodes: readonly TestNode[]) => {
  for (const node of nodes) await node[Symbol.asyncDispose]();
};

Deno.test("the host of the last certificate's key is called while it lives; its loss disturbs no leader, and the next certificate has the other key", async () => {
  await using world = await rosterWorld(3, 0);
  const one = world.enclave;
  await using two = new BareEnclave("random", world.clusterJson);
  const nodes = world.startAll({ enclaves: [one.host, two.host] });
  try {
    const leader = await leaseHolder(nodes);
    const { kid } = leader.node.leader!;
    for (const { listener } of nodes) {
      for (const { key } of [one, two]) {
        await listener.until(({ event, fields }) => event === "attested" && fields.kid === key.kid);
      }
    }
    const calls = [one.calls, two.calls];
    const heard = nodes.map((node) => node.listener.said.length);
    leader.node.stepDown();
    const sitting = await leaseHolder(nodes, heard);
    strictEqual(sitting.node.leader!.kid, kid);
    const [used, spare] = kid === one.key.kid ? [one, two] : [two, one];
    // The host whose key nobody names is left alone.
    strictEqual(spare.calls, spare === one ? calls[0] : calls[1]);

    const { id } = sitting.node.leader!;
    used.crash();
    for (const { listener } of nodes) {
      await listener.until(({ event }) => event === "enclave-key-lost");
    }
    strictEqual(sitting.node.leader!.id, id);
    ok(sitting.node.leaseRemainingMs() > 0);

    const now = nodes.map((node) => node.listener.said.length);
    sitting.node.stepDown();
    const next = await leaseHolder(nodes, now);
    strictEqual(next.node.leader!.kid, spare.key.kid);
  } finally {
    await disposeAll(nodes);
  }
});

Deno.test("a host that comes back with another key is taken, once the voters have seen its evidence", async () => {
  await using world = await rosterWorld(1, 0);
  const one = world.enclave;
  await using two = new BareEnclave("random", world.clusterJson);
  let current = one;
  const host: EnclaveHost = { name: "restarted", connect: () => current.connect() };
  const [node] = world.startAll({ enclaves: [host] });
  try {
    await leaseHolder([node]);
    current = two;
    one.crash();
    await node.listener.until(({ event, fields }) =>
      event === "attested" && fields.kid === two.key.kid
    );
    const heard = node.listener.said.length;
    node.node.stepDown();
    await leaseHolder([node], [heard]);
    strictEqual(node.node.leader!.kid, two.key.kid);
  } finally {
    await disposeAll([node]);
  }
});

Deno.test("a node that alone reaches the enclave serves the bundles of the others", async () => {
  await using world = await rosterWorld(3, 0);
  let isCut = false;
  const far: EnclaveHost = {
    name: "far",
    connect: async () => {
      if (isCut) throw new FumataError("unreachable", "Cannot reach the enclave: it is far");
      const connection = await world.enclave.connect();
      return {
        ...connection,
        invoke: (input) =>
          isCut
            ? Promise.reject(new FumataError("unreachable", "Cannot reach the enclave: it is far"))
            : connection.invoke(input),
      };
    },
  };
  const near = world.start(0, []);
  const nodes = [near, ...[1, 2].map((i) => world.start(i, [near], { enclaves: [far] }))];
  try {
    let leader = await leaseHolder(nodes);
    isCut = true;
    // Until a bundle had to be passed on: who collects is drawn for each term.
    while (
      !nodes.some(({ listener }) =>
        listener.said.some((said) => said.event === "election-delegated")
      )
    ) {
      const heard = nodes.map((node) => node.listener.said.length);
      const { term } = leader.node.leader!;
      leader.node.stepDown();
      leader = await leaseHolder(nodes, heard);
      ok(leader.node.leader!.term > term);
    }
  } finally {
    await disposeAll(nodes);
  }
});

Deno.test("a refused host beside a good one is named and left out; platforms are not mixed", async () => {
  await using world = await rosterWorld(1, 0);
  await using two = new BareEnclave("random", world.clusterJson);
  const refusing: EnclaveHost = {
    name: "refusing",
    connect: () => Promise.reject(new FumataError("refused", "Cannot trust it: no such root")),
  };
  // The second one answers after the first was taken: the first platform is the one that counts.
  const taken = Promise.withResolvers<void>();
  const other: EnclaveHost = {
    name: "other",
    connect: async () => {
      await taken.promise;
      return { ...await two.connect(), evidence: evidenceOf("nitro") };
    },
  };
  const [node] = world.startAll({ enclaves: [refusing, world.enclave.host, other] });
  try {
    await leaseHolder([node]);
    taken.resolve();
    const { listener } = node;
    const refused = (words: RegExp) =>
      listener.until(({ event, message }) => event === "enclave-refused" && words.test(message));
    await refused(/no such root/);
    await refused(/its platform is nitro, that of the others simulated/);
  } finally {
    await disposeAll([node]);
  }
});

Deno.test("when every host is refused the node ends", async () => {
  await using world = await rosterWorld(1, 0);
  const refusing = ["a", "b"].map((name): EnclaveHost => ({
    name,
    connect: () => Promise.reject(new FumataError("refused", "Cannot trust it: no such root")),
  }));
  const [node] = world.startAll({ enclaves: refusing });
  await rejects(node.node.stopped, /no such root/);
  await disposeAll([node]);
});

Deno.test("flags of hosts are given once for all or once for each", async () => {
  const refused = async (...words: string[]) => {
    const args = parseArguments(words, nodeCommand);
    let message = "";
    await rejects(loadHosts(args, {} as CommandContext), (error: FumataError) => {
      message = error.message;
      return error.code === "usage";
    });
    return message;
  };
  match(
    await refused("--enclave", "a", "--enclave", "b", "--enclave", "c", "-f", "x", "-f", "y"),
    /Cannot use --function 2 times for 3 enclave hosts: once for all of them, or once for each/,
  );
  match(await refused(...Array(9).fill(["--enclave", "a"]).flat()), /8 at most/);
});

Deno.test("after a restart the key of a host that answers late is not lost: the next certificate has it", async () => {
  await using world = await rosterWorld(1, 0);
  const one = world.enclave;
  await using two = new BareEnclave("random", world.clusterJson);
  const first = world.start(0, [], { enclaves: [one.host, two.host] });
  await leaseHolder([first]);
  const { kid } = first.node.leader!;
  const [used, spare] = kid === one.key.kid ? [one, two] : [two, one];
  await first[Symbol.asyncDispose]();

  const answers = Promise.withResolvers<void>();
  const late: EnclaveHost = {
    name: "late",
    connect: async () => {
      await answers.promise;
      return await used.connect();
    },
  };
  const again = world.start(0, [], { enclaves: [late, spare.host] });
  try {
    const { listener } = again;
    await leaseHolder([again]);
    await listener.until(({ event, fields }) =>
      event === "attested" && fields.kid === spare.key.kid
    );
    const heard = listener.said.length;
    again.node.stepDown();
    // Either the bundle waits for the late host, or, were its key lost, the other host signs at once.
    await listener.until(
      ({ event }) => event === "election-quorum" || event === "lease-held",
      heard,
    );
    answers.resolve();
    await leaseHolder([again], [heard]);
    strictEqual(again.node.leader!.kid, kid);
  } finally {
    answers.resolve();
    await disposeAll([again]);
  }
});

Deno.test("after a restart the key of a host that stays away lapses with the patience, and another host elects", async () => {
  await using world = await rosterWorld(1, 0);
  const gone = world.enclave;
  await using spare = new BareEnclave("random", world.clusterJson);
  const first = world.start(0, [], { enclaves: [gone.host] });
  await leaseHolder([first]);
  await first[Symbol.asyncDispose]();
  gone.crash();
  const again = world.start(0, [], { enclaves: [gone.host, spare.host] });
  try {
    await leaseHolder([again]);
    await again.listener.until(({ event }) => event === "enclave-given-up");
    const heard = again.listener.said.length;
    again.node.stepDown();
    await leaseHolder([again], [heard]);
    strictEqual(again.node.leader!.kid, spare.key.kid);
  } finally {
    await disposeAll([again]);
  }
});

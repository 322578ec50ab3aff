/** Roster clusters with real nodes on loopback: a leader with a lease, failover, restart, and who may not take part. */
import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert";
import { fromUtf8, hex, utf8 } from "../../lib/base/bytes.ts";
import { CertificateDesk } from "../../lib/node/certificate_desk.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { ClusterKindChanged } from "../../lib/node/node_options.ts";
import { BareEnclave, evidenceOf, TestNode } from "./_cluster.ts";
import { descriptionOf, keyOf, leaseHolder, rosterWorld } from "./_roster.ts";

Deno.test("four voters, one of whom may lie: one leader holds the lease; when it falls silent another does in a later term", async () => {
  await using world = await rosterWorld(4, 1);
  const first = world.start(0, []);
  const rest = [1, 2, 3].map((i) => world.start(i, [first]));
  const nodes = [first, ...rest];
  try {
    const leader = await leaseHolder(nodes, [0, 0, 0, 0]);
    ok(leader.node.leaseRemainingMs() > 0);
    for (const node of nodes) {
      await node.listener.until(({ event, fields }) =>
        event === "leader" && fields.leader === leader.node.id
      );
      if (node !== leader) strictEqual(node.node.leaseRemainingMs(), 0);
    }
    const term = leader.node.leader!.term;
    const others = nodes.filter((node) => node !== leader);
    const heard = others.map((node) => node.listener.said.length);
    await leader[Symbol.asyncDispose]();
    const next = await leaseHolder(others, heard);
    ok(next.node.leader!.term > term);
    // Its certificate descends from the first one, or from one in between that led or not.
    strictEqual(next.node.leader!.leader, next.node.id);
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});

Deno.test("a leader that leaves hands over, and one that is asked to steps down", async () => {
  await using world = await rosterWorld(3, 0);
  const first = world.start(0, []);
  const nodes = [first, world.start(1, [first]), world.start(2, [first])];
  try {
    const leader = await leaseHolder(nodes, [0, 0, 0]);
    const heard = nodes.map((node) => node.listener.said.length);
    leader.node.stepDown();
    strictEqual(leader.node.leaseRemainingMs(), 0);
    const next = await leaseHolder(nodes, heard);
    const others = nodes.filter((node) => node !== next);
    const from = others.map((node) => node.listener.said.length);
    await next.node.leave();
    await leaseHolder(others, from);
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});

Deno.test("votes are counted of the whole roster, also while a voter is away", async () => {
  await using world = await rosterWorld(3, 0);
  await using first = world.start(0, []);
  await using second = world.start(1, [first]);
  for (const { listener } of [first, second]) {
    const { message, fields } = await listener.until(({ event }) => event === "leader");
    match(message, /, verified \(2 of 3 votes, simulated TEE\)$/);
    deepStrictEqual([fields.votes, fields.votesOf], [2, 3]);
  }
});

Deno.test("a leader whose wall clock jumped has no lease at the very next look, before any event", async () => {
  await using world = await rosterWorld(3, 0);
  const nodes = world.startAll();
  const now = Date.now;
  try {
    const leader = await leaseHolder(nodes);
    ok(leader.node.leaseRemainingMs() > 0);
    Date.now = () => now() + 60_000;
    strictEqual(leader.node.leaseRemainingMs(), 0);
  } finally {
    Date.now = now;
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
});

Deno.test("the key of a certificate that becomes the head is not forgotten for others", async () => {
  await using world = await rosterWorld(1, 0);
  const { goBy } = CertificateDesk.prototype;
  const kept: string[] = [];
  CertificateDesk.prototype.goBy = function (kid) {
    kept.push(kid);
    goBy.call(this, kid);
  };
  try {
    await using node = world.start(0, []);
    await leaseHolder([node], [0]);
  } finally {
    CertificateDesk.prototype.goBy = goBy;
  }
  deepStrictEqual(kept, [world.enclave.key.kid]);
});

Deno.test("a voter that restarts knows its certificate and its votes, also while the enclave is away", async () => {
  await using world = await rosterWorld(1, 0);
  const first = world.start(0, []);
  await leaseHolder([first], [0]);
  const { id, term } = first.node.leader!;
  await first[Symbol.asyncDispose]();
  world.enclave.up = false;
  // Without the description: the state folder remembers what the function is.
  await using again = world.start(0, [], { description: undefined });
  await leaseHolder([again], [0]);
  strictEqual(again.node.leader?.id, id);
  strictEqual(again.node.leader?.term, term);
});

Deno.test("a node whose key is not in the roster is refused with its key", async () => {
  await using world = await rosterWorld(3, 0);
  throws(
    () => new TestNode(world.enclave, [], { description: world.description }),
    /this node's key \S{43} is not in its cluster.json/,
  );
});

Deno.test("a node of another cluster's name is refused with the right one", async () => {
  await using world = await rosterWorld(3, 0);
  throws(
    () => world.start(0, [], { cluster: "other" }),
    /cluster.json is for cluster "test"; start the node with --cluster test/,
  );
});

Deno.test("a voter refuses another function in its state folder that does not succeed the first", async () => {
  await using world = await rosterWorld(1, 0);
  const first = world.start(0, []);
  await leaseHolder([first], [0]);
  await first[Symbol.asyncDispose]();
  await using other = new BareEnclave("random", {
    cluster: "test",
    roster: [{ name: "n0", key: keyOf(world.folders[0]) }],
    faultBound: 0,
    policy: "highest",
    lease: { leaseMs: 500, driftPpm: 500 },
  });
  const description = await descriptionOf(other);
  throws(
    () => new TestNode(other, [], { description, stateFolder: world.folders[0] }),
    (error: Error) => {
      match(
        error.message,
        /holds the history of [0-9a-f]{64}, and this package does not succeed it/,
      );
      return true;
    },
  );
});

Deno.test("a memory that was tampered with counts as lost", async () => {
  await using world = await rosterWorld(1, 0);
  const first = world.start(0, []);
  await leaseHolder([first], [0]);
  await first[Symbol.asyncDispose]();
  {
    using store = StateStore.open(world.folders[0]);
    const [{ checksum, memory }] = store.rosters("test");
    const forged = JSON.parse(memory);
    forged.head.proposal.term += 1;
    forged.head.id = "A".repeat(43);
    store.saveRoster(checksum, "test", JSON.stringify(forged));
  }
  throws(() => world.start(0, []), /what it remembers of the roster's election does not verify/);
});

Deno.test("a cluster without a quorum elects nobody", async () => {
  await using world = await rosterWorld(4, 1);
  await using a = world.start(0, []);
  await using b = world.start(1, [a]);
  // Two of four: they meet, and give up on a term that cannot elect; two statements open no other.
  for (const node of [a, b]) {
    await node.listener.until(({ event }) => event === "member-join");
    await node.listener.until(({ event }) => event === "election-gave-up");
  }
  for (const node of [a, b]) {
    strictEqual(node.node.term, 1);
    ok(!node.listener.said.some(({ event }) => event === "leader" || event === "lease-held"));
  }
});

Deno.test("an enclave whose certificates never verify makes no terms run", async () => {
  await using world = await rosterWorld(1, 0);
  const { connect } = world.enclave.host;
  // Its evidence says another TEE than its certificates do, so each of them is refused.
  const liar = {
    name: "liar",
    connect: async () => ({ ...await connect(), evidence: evidenceOf("nitro") }),
  };
  const [node] = world.startAll({ enclaves: [liar] });
  try {
    const { listener } = node;
    for (let seen = 0, at = 0; seen < 3; seen++) {
      await listener.until(({ event }) => event === "certificate-refused", at);
      at = listener.said.findIndex(({ event }, i) => i >= at && event === "certificate-refused") +
        1;
    }
    // Given up at once after the first, then ever more slowly.
    const terms = listener.said.filter(({ event }) => event === "election-term-opened").length;
    ok(terms <= 3, `${terms} terms opened`);
    strictEqual(node.node.leaseRemainingMs(), 0);
  } finally {
    await node[Symbol.asyncDispose]();
  }
});

Deno.test("an enclave that says something else of the same function than before is refused: no enclave changes the electorate", async () => {
  await using world = await rosterWorld(1, 0);
  const { enclave, description, folders } = world;
  const other = JSON.stringify({
    ...world.clusterJson,
    roster: [{ name: "n0", key: keyOf(folders[0]) }, {
      name: "liar",
      key: keyOf(`${folders[0]}-2`),
    }],
  });
  const connect = async () => {
    const connection = await enclave.connect();
    const invoke = async (input: Uint8Array) => {
      const output = await connection.invoke(input);
      if (!fromUtf8(input)!.includes("describe")) return output;
      return utf8(JSON.stringify({ ...JSON.parse(fromUtf8(output)!), clusterJson: other }));
    };
    return { ...connection, invoke };
  };
  await using test = world.start(0, [], { enclaves: [{ name: "lying", connect }] });
  const { event, message } = await test.listener.until(({ event }) =>
    event === "attested" || event === "enclave-refused"
  );
  strictEqual(event, "enclave-refused");
  match(message, /says something else/);
  strictEqual(test.node.clusterJson, JSON.parse(description.text).clusterJson);
  deepStrictEqual(test.node.enclaveKeys(hex(enclave.checksum)), []);
});

Deno.test("a node that has stopped before anyone asks tells why to whoever asks later", async () => {
  await using world = await rosterWorld(3, 0);
  await using node = new TestNode(world.enclave, []);
  await node.listener.until(({ event }) => event === "attested");
  // Its sockets are closed: a rejection that nobody had awaited would have ended the process by now.
  await node[Symbol.asyncDispose]();
  await rejects(node.node.stopped, ClusterKindChanged);
});

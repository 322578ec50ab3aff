/** What a run remembers so as not to work it out again: it hides no lie, and belongs to that run. */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { base64url, utf8 } from "../../lib/base/bytes.ts";
import { createPrng } from "../../lib/base/prng.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { EMPTY_MEMORY, type RosterMessage } from "../../lib/election/roster/types.ts";
import { simulatedRules } from "../../lib/simulate/identities.ts";
import { rosterRules } from "../../lib/node/roster_cluster.ts";
import { NONCE_BYTES } from "../../lib/wire/roster_signing.ts";
import { SimDisk } from "../../lib/simulate/sim_disk.ts";
import { simulate } from "../../lib/simulate/simulate.ts";
import { rosterWorld } from "./_world.ts";

const ID = base64url(sha256(utf8("a certificate")));
const NONCE = base64url(new Uint8Array(NONCE_BYTES));

/** Doors of four nodes, of which the first signs what it says. */
function speakers() {
  const world = rosterWorld({ nodes: 4, faultBound: 1, encodes: true });
  const [speaker] = world.nodes;
  const { domain, config, collectors, digests } = speaker.function;
  const shared = { prng: createPrng(1), collectors, digests, signs: true };
  return {
    world,
    rules: simulatedRules(speaker.identity, domain, config!, shared),
    /** What one place hears when another says this. */
    heard: (from: number, to: number, message: RosterMessage) => {
      const payload = world.nodes[from].door.encodedElection(to, message);
      return world.nodes[to].door.open({ from, to, payload });
    },
  };
}

Deno.test("what is said to several is decoded once for all of them", () => {
  const { rules, heard } = speakers();
  const message: RosterMessage = { kind: "step-down", stepDown: rules.signStepDown(ID) };
  const [one, other] = [heard(0, 1, message), heard(0, 2, message)];
  ok(one?.type === "election" && other?.type === "election");
  deepStrictEqual(one.message, message);
  strictEqual(other.message, one.message);
});

Deno.test("a forged message is refused however often a genuine one like it was heard", () => {
  const { world, rules, heard } = speakers();
  const stepDown = rules.signStepDown(ID);
  const forged: RosterMessage = {
    kind: "step-down",
    stepDown: { ...stepDown, leader: world.nodes[3].id },
  };
  ok(heard(0, 1, { kind: "step-down", stepDown }));
  strictEqual(heard(0, 1, forged), undefined);
  strictEqual(heard(0, 1, forged), undefined, "a refusal does not become a word that was heard");
  strictEqual(heard(0, 2, forged), undefined);
});

Deno.test("a vote that was heard from its voter is nobody else's", () => {
  const { rules, heard } = speakers();
  const vote: RosterMessage = {
    kind: "vote",
    term: 1,
    digest: ID,
    vote: rules.signVote(1, ID),
  };
  ok(heard(0, 1, vote));
  strictEqual(heard(2, 1, vote), undefined);
});

Deno.test("what is signed when it is read is signed as the real rules sign it", () => {
  const { world: { nodes: [speaker] }, rules } = speakers();
  const { domain, config } = speaker.function;
  const real = rosterRules(speaker.identity, domain, config!, () => NONCE);
  const heartbeat = { certificateId: ID, nonce: NONCE, incarnation: 1, sequence: 2 };
  deepStrictEqual({ ...rules.signHeartbeat(heartbeat) }, real.signHeartbeat(heartbeat));
  deepStrictEqual({ ...rules.signAck(ID, NONCE) }, real.signAck(ID, NONCE));
  deepStrictEqual({ ...rules.signGaveUp(ID, 3) }, real.signGaveUp(ID, 3));
  deepStrictEqual({ ...rules.signStepDown(ID) }, real.signStepDown(ID));
});

Deno.test("a disk reads what was written last, and nothing once that is gone", () => {
  const disk = new SimDisk("a");
  const save = (incarnation: number) =>
    disk.saveRoster("checksum", "cluster", JSON.stringify({ ...EMPTY_MEMORY, incarnation }));
  for (const incarnation of [1, 2]) {
    save(incarnation);
    strictEqual(disk.rosterMemory("checksum")?.incarnation, incarnation);
  }
  disk.forget("checksum");
  strictEqual(disk.rosterMemory("checksum"), undefined);
});

Deno.test("a run is the same whatever ran before it", () => {
  const run = (seed: number) => simulate({ seed, mix: "liars", wire: true, faultsMs: 1_500 });
  const first = run(40);
  run(41);
  deepStrictEqual(run(40), first);
});

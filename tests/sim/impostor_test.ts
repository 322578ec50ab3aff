/** I9 from outside: whoever answers at the address of an enclave and does not show what is demanded is sent no input by an honest node. */
import { ok, strictEqual } from "node:assert";
import { createPrng } from "../../lib/base/prng.ts";
import { type Mix, replayCommand, simulate } from "../../lib/simulate/mod.ts";
import { DISGUISES } from "../../lib/simulate/sim_enclave.ts";
import { SimEnclaveLink } from "../../lib/simulate/sim_enclave_link.ts";
import { rosterWorld } from "./_world.ts";

/** Runs in which impostors stand where a call is due. */
const RUNS: readonly (readonly [Mix, number])[] = [["enclaves", 1], ["liars", 1], ["all", 1]];

Deno.test("no input goes to an impostor in the middle of faults, and with its evidence unread one does", () => {
  const sound = SimEnclaveLink.prototype.judge;
  for (const [mix, seed] of RUNS) {
    const result = simulate({ mix, seed });
    strictEqual(result.violation, undefined, replayCommand({ mix, seed }, result));
    ok(result.faults.impostor > 0, `${mix} ${seed} has no impostor any more`);
    try {
      SimEnclaveLink.prototype.judge = ({ binding }) => binding.certificateKid;
      strictEqual(simulate({ mix, seed }).violation?.invariant, "I9");
    } finally {
      SimEnclaveLink.prototype.judge = sound;
    }
  }
});

Deno.test("evidence of another function, old evidence and a key that it does not bind are refused, each for itself", () => {
  const world = rosterWorld();
  const [enclave] = world.enclaves;
  const [node] = world.nodes;
  const { loaded } = node.function;
  const link = new SimEnclaveLink(world, node, createPrng(1), () => {});
  const nonce = new Uint8Array(16).fill(7);
  const judged = () => link.judge(enclave.show(loaded, nonce), nonce);
  strictEqual(judged(), enclave.key(loaded).kid);
  for (const disguise of DISGUISES) {
    enclave.disguise = disguise;
    strictEqual(judged(), undefined, disguise);
  }
});

/** What of the view is on disk, when. */
import { deepStrictEqual, strictEqual } from "node:assert";
import type { AliveClaim, Claim } from "../../lib/membership/types.ts";
import { MemberMemory } from "../../lib/node/member_memory.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { alice, bob, carol, CLUSTER } from "../wire/_fixtures.ts";
import { createClaimSigner } from "../../lib/wire/claims.ts";
import type { Identity } from "../../lib/crypto/ed25519.ts";

function alive(who: Identity, incarnation = 0): AliveClaim {
  return createClaimSigner(who, CLUSTER)({
    type: "alive",
    incarnation,
    address: { host: "127.0.0.1", port: 9 },
    name: "n",
    tags: {},
    keyMadeS: 0,
  }) as AliveClaim;
}

/** A memory of Alice's, and her view. */
class World implements Disposable {
  readonly store = StateStore.open(undefined);
  view: Claim[] = [alive(alice)];
  writes = 0;
  readonly failures: unknown[] = [];
  readonly memory: MemberMemory;

  constructor() {
    const save = this.store.saveMembers.bind(this.store);
    this.store.saveMembers = (claims, gone) => {
      this.writes++;
      save(claims, gone);
    };
    this.memory = new MemberMemory({
      store: this.store,
      snapshot: () => this.view,
      self: alice.id,
      fail: (thrown) => this.failures.push(thrown),
    });
  }

  /** The view is now this, and what waits is written. */
  becomes(...view: Claim[]): void {
    this.view = [alive(alice), ...view];
    this.memory.changed();
    this.memory[Symbol.dispose]();
  }

  get remembered(): Uint8Array[] {
    return this.store.memberClaims().map((claim) => new Uint8Array(claim));
  }

  [Symbol.dispose](): void {
    this.memory[Symbol.dispose]();
    this.store[Symbol.dispose]();
  }
}

Deno.test("members are remembered with their newest claims, the node itself is not", () => {
  using world = new World();
  world.becomes(alive(bob), alive(carol));
  world.becomes(alive(bob, 1), alive(carol));
  deepStrictEqual(
    world.remembered.map(String).sort(),
    [alive(bob, 1), alive(carol)].map((claim) => String(claim.encoded)).sort(),
  );
});

Deno.test("who left is forgotten, and so is who was reaped", () => {
  using world = new World();
  world.becomes(alive(bob), alive(carol));
  const left = createClaimSigner(bob, CLUSTER)({ type: "left", incarnation: 0 });
  world.becomes(alive(bob), left);
  deepStrictEqual(world.remembered, []);
});

Deno.test("a member of an earlier run that has not answered yet stays remembered", () => {
  using world = new World();
  world.store.saveMembers([alive(carol)], []);
  world.becomes(alive(bob));
  strictEqual(world.remembered.length, 2);
});

Deno.test("many changes are one write, and a change that changes no claim is none", () => {
  using world = new World();
  world.memory.changed();
  world.memory.changed();
  world.becomes(alive(bob), alive(carol));
  strictEqual(world.writes, 1);
  world.becomes(alive(bob), alive(carol));
  strictEqual(world.writes, 1);
});

Deno.test("a change is written by itself, without anything else happening", async () => {
  using world = new World();
  const { promise, resolve } = Promise.withResolvers<void>();
  const save = world.store.saveMembers;
  world.store.saveMembers = (claims, gone) => {
    save(claims, gone);
    resolve();
  };
  world.view = [alive(bob)];
  world.memory.changed();
  await promise;
  strictEqual(world.remembered.length, 1);
});

Deno.test("a write that fails is told", () => {
  using world = new World();
  world.store.saveMembers = () => {
    throw new Error("the disk is full");
  };
  world.becomes(alive(bob));
  strictEqual(world.failures.length, 1);
});

/** Two holders of one name never overlap, whatever the core grants. */
import { deepStrictEqual } from "node:assert";
import { SubLeaseDesk } from "../../lib/node/sub_lease_desk.ts";

class Granter {
  at = 0;
  grantedMs = 100;
  returnedIds: string[] = [];
  nowMs = () => this.at;
  grant = () => this.grantedMs;
  returned = (id: string) => void this.returnedIds.push(id);
}

Deno.test("a second holder of a name waits until the first gave it back or is over", () => {
  const granter = new Granter();
  const desk = new SubLeaseDesk(granter);
  deepStrictEqual(desk.take("a", "x", 1_000), { grantedMs: 100 });
  deepStrictEqual(desk.take("a", "y", 1_000), { refused: "held", remainingMs: 100 });
  deepStrictEqual(desk.take("b", "y", 1_000), { grantedMs: 100 });
  desk.giveBack("a", "y");
  deepStrictEqual(desk.take("a", "y", 1_000), { refused: "held", remainingMs: 100 });
  deepStrictEqual(granter.returnedIds, []);
  desk.giveBack("a", "x");
  deepStrictEqual(granter.returnedIds, ["a"]);
  deepStrictEqual(desk.take("a", "y", 1_000), { grantedMs: 100 });
  granter.at = 100;
  deepStrictEqual(desk.take("a", "x", 1_000), { grantedMs: 100 });
});

Deno.test("a shorter renewal does not let the next holder in early", () => {
  const granter = new Granter();
  const desk = new SubLeaseDesk(granter);
  desk.take("a", "x", 1_000);
  granter.grantedMs = 10;
  desk.take("a", "x", 1_000);
  granter.at = 50;
  deepStrictEqual(desk.list(), [{ name: "a", remainingMs: 50 }]);
  deepStrictEqual(desk.take("a", "y", 1_000), { refused: "held", remainingMs: 50 });
});

Deno.test("without a lease nothing is granted and nothing is held", () => {
  const granter = new Granter();
  granter.grantedMs = 0;
  const desk = new SubLeaseDesk(granter);
  deepStrictEqual(desk.take("a", "x", 1_000), { refused: "no-lease" });
  deepStrictEqual(desk.list(), []);
});

import { ok, strictEqual } from "node:assert";
import { SourceLimit } from "../../lib/node/source_limit.ts";

const at = (port: number) => ({ host: "10.0.0.1", port });

Deno.test("each member has a rate, all strangers together have one", () => {
  const limit = new SourceLimit();
  limit.setMembers([at(1), at(2)]);
  const passed = { first: 0, second: 0, strangers: 0 };
  for (let i = 0; i < 10_000; i++) {
    if (limit.admits(at(1), 1000)) passed.first++;
    if (limit.admits(at(100 + i), 1000)) passed.strangers++;
  }
  if (limit.admits(at(2), 1000)) passed.second++;
  strictEqual(JSON.stringify(passed), '{"first":500,"second":1,"strangers":400}');
  strictEqual(limit.refused, 19_100);
  for (let i = 0; i < 10_000; i++) if (limit.admits(at(3), 1000 + i / 10)) passed.strangers++;
  ok(Math.abs(passed.strangers - 500) <= 1, `${passed.strangers} after another second`);
});

Deno.test("who was asked may answer once, however many strangers knock", () => {
  const limit = new SourceLimit();
  while (limit.admits(at(99), 1000));
  limit.expect(at(7));
  const passed = [1, 2, 3].map(() => limit.admits(at(7), 1000));
  strictEqual(passed.join(), "true,false,false");
});

Deno.test("a member that is asked gains nothing by it", () => {
  const limit = new SourceLimit();
  limit.setMembers([at(1)]);
  limit.expect(at(1));
  let passed = 0;
  while (limit.admits(at(1), 1000)) passed++;
  strictEqual(passed, 500);
});

Deno.test("of more addresses than may be expected the oldest are forgotten", () => {
  const limit = new SourceLimit();
  while (limit.admits(at(99), 1000));
  for (let port = 1000; port < 1000 + 5000; port++) limit.expect(at(port));
  ok(!limit.admits(at(1000), 1000));
  ok(limit.admits(at(5999), 1000));
});

Deno.test("a change of the members gives nobody a new rate", () => {
  const limit = new SourceLimit();
  limit.setMembers([at(1)]);
  while (limit.admits(at(1), 1000));
  limit.setMembers([at(1), at(2)]);
  ok(!limit.admits(at(1), 1000));
  ok(limit.admits(at(2), 1000));
});

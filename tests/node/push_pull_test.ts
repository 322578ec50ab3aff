/** Push/pull that others begin: what a member brings along is followed, what a stranger brings along is not. */
import { strictEqual } from "node:assert";
import { BareEnclave, TestNode } from "./_cluster.ts";
import { RawMember } from "./_raw_member.ts";

Deno.test("a member that calls by itself may introduce third parties; a stranger may not", async () => {
  await using enclave = new BareEnclave("highest");
  await using node = new TestNode(enclave, []);
  await using vouched = new RawMember(enclave.checksum, { name: "vouched" });
  await using unvouched = new RawMember(enclave.checksum, { name: "unvouched" });
  await using stranger = new RawMember(enclave.checksum, { name: "stranger" });
  await using member = new RawMember(enclave.checksum, { name: "member" });
  const { address } = node.node;
  await member.join(address);
  const call = (caller: RawMember, about: RawMember) =>
    caller.transport.exchange(address, caller.mailbox.sync(undefined, [about.claim]));
  await call(stranger, unvouched);
  await call(member, vouched);
  await node.listener.until(({ event, fields }) =>
    event === "member-join" && fields.name === "vouched"
  );
  strictEqual(unvouched.pings, 0);
  strictEqual(node.node.members().length, 2);
});

/** `fumata lock` under real nodes: never two commands at once, whatever stands still, ignores signals, forks or dies. */
import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert";
import { Locks } from "./_locks.ts";

Deno.test("a command that ignores SIGTERM and forks is gone before another node's command begins", async () => {
  await using locks = await Locks.start();
  locks.lockAll("deaf");
  const first = await locks.next(({ who }) => who === "fork");

  locks.cluster.signal(first.folder, "SIGSTOP");
  const second = await locks.next(({ folder }) => folder !== first.folder);
  ok(second.term > first.term);
  locks.cluster.signal(first.folder, "SIGCONT");
  deepStrictEqual(locks.overlaps(), []);

  // The process that watches stands still together with its node: its guard is left.
  locks.of(second.folder).signal("SIGSTOP");
  locks.cluster.signal(second.folder, "SIGSTOP");
  const third = await locks.next(({ folder }) => folder !== second.folder);
  locks.cluster.signal(second.folder, "SIGCONT");
  locks.of(second.folder).signal("SIGCONT");
  notStrictEqual(third.run, second.run);
  deepStrictEqual(locks.overlaps(), []);

  // Killed, and started again at once: the guard's command has the name still.
  locks.of(third.folder).signal("SIGKILL");
  const killed = locks.of(third.folder);
  locks.lock(third.folder, "deaf");
  await locks.next(({ run }) => run !== third.run);
  await killed.ended;
  deepStrictEqual(locks.overlaps(), []);
});

Deno.test("a hand-over waits for the command to stop, and its exit codes are kept", async () => {
  await using locks = await Locks.start();
  locks.lockAll("obedient");
  const first = await locks.next(() => true);
  const token = await Deno.readTextFile(`${first.folder}/http-token`);
  const { http } = locks.cluster.running.find(({ folder }) => folder === first.folder)!;
  const answer = await fetch(`http://${http}/v1/step-down`, {
    method: "POST",
    headers: { authorization: `Bearer ${token.trim()}` },
  });
  strictEqual(answer.status, 200, await answer.text());
  const second = await locks.next(({ run }) => run !== first.run);
  ok(second.term > first.term);
  deepStrictEqual(locks.overlaps(), []);

  locks.of(second.folder).signal("SIGTERM");
  strictEqual((await locks.of(second.folder).ended).code, 143, "of a command ended by SIGTERM");

  const brief = locks.lock(second.folder, "brief");
  strictEqual((await brief.ended).code, 7);
  deepStrictEqual(locks.overlaps(), []);

  const once = locks.lock(second.folder, "deaf", "--once");
  const last = await locks.next(({ folder, who }) => folder === second.folder && who === "fork");
  locks.cluster.signal(last.folder, "SIGSTOP");
  strictEqual((await once.ended).code, 6);
  locks.cluster.signal(last.folder, "SIGCONT");
  deepStrictEqual(locks.overlaps(), []);
});

Deno.test("a command whose guard saw the end of the lease first is started again, and is no end of the lock", async () => {
  await using locks = await Locks.start();
  locks.lockAll("obedient");
  const first = await locks.next(() => true);
  // What the guard does by its own clock, before the process that it guards for has noticed anything.
  Deno.kill(-await groupOf(first.run), "SIGKILL");
  const second = await Promise.race([
    locks.next(({ run }) => run !== first.run),
    locks.of(first.folder).ended,
  ]);
  ok("run" in second, "the lock went on");
  deepStrictEqual(locks.overlaps(), []);
});

/** The process group of a process; the guard is its head. */
async function groupOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
}

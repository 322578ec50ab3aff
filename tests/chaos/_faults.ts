/** Carries the faults of a schedule out: each for its time, on whoever is not under another fault, with everything undone at the end. */
import type { ChaosCluster, Member } from "./_cluster.ts";
import type { Network } from "./_network.ts";
import type { Fault, FaultKind } from "./_schedule.ts";

/** Between two restarts of a storm, ms: less than a node needs to be back in an election, and more. */
const STORM_STEPS_MS = [150, 600, 1_200];

/** What a run of faults works on. */
export interface FaultStage {
  readonly cluster: ChaosCluster;
  readonly network: Network;
  /** Id of the node that was seen to lead last. */
  readonly leaderId: () => string | undefined;
  /** Waits; ends early, with everything else, when the run is given up. */
  readonly wait: (ms: number) => Promise<void>;
}

/** Carries all of them out; resolves when all are undone. Gives how many of each kind there were; one whose target was busy is left out. */
export async function carryOut(
  faults: readonly Fault[],
  stage: FaultStage,
): Promise<ReadonlyMap<FaultKind, number>> {
  const startMs = performance.now();
  const done = new Map<FaultKind, number>();
  const running: Promise<void>[] = [];
  for (const fault of faults) {
    await stage.wait(startMs + fault.atMs - performance.now());
    const work = begin(fault, stage);
    if (!work) continue;
    done.set(fault.kind, (done.get(fault.kind) ?? 0) + 1);
    running.push(work);
  }
  await Promise.all(running);
  return done;
}

function begin(fault: Fault, stage: FaultStage): Promise<void> | undefined {
  const { cluster, network, wait } = stage;
  const { kind, forMs } = fault;
  if (kind === "kill-enclave") {
    const host = cluster.hosts[fault.company[0]];
    return whileBusy(host, async () => {
      await cluster.killHost(host);
      await wait(forMs);
      await cluster.startHost(host);
    });
  }
  const member = targetOf(fault, stage);
  switch (kind) {
    case "kill":
      return whileBusy(member, async () => {
        await cluster.killNode(member);
        await wait(forMs);
        await cluster.startNode(member);
      });
    case "pause":
      return whileBusy(member, async () => {
        member.child?.signal("SIGSTOP");
        await wait(forMs);
        member.child?.signal("SIGCONT");
      });
    case "restart-storm":
      return whileBusy(member, async () => {
        for (const stepMs of STORM_STEPS_MS) {
          await cluster.killNode(member);
          await cluster.startNode(member);
          await wait(stepMs);
        }
      });
    case "disk-full":
      return whileBusy(member, async () => {
        await cluster.fillDisk(member);
        await wait(forMs);
        await cluster.clearDisk(member);
        if (!member.child) await cluster.startNode(member);
      });
    case "cut":
    case "cut-one-way":
      return cutOff(fault, member, stage);
    default:
      return kind satisfies never;
  }

  async function cutOff({ company }: Fault, target: Member, { cluster }: FaultStage) {
    const inside = new Set([target.index, ...company]);
    const ways = cluster.members.flatMap((a) =>
      cluster.members.filter((b) => inside.has(a.index) && !inside.has(b.index)).flatMap((b) => {
        const [from, to] = [a.place.address, b.place.address];
        return kind === "cut" ? [[from, to], [to, from]] : [[from, to]];
      })
    );
    for (const [from, to] of ways) await network.cut(from, to);
    await wait(forMs);
    for (const [from, to] of ways) await network.heal(from, to);
  }
}

function targetOf({ target, company }: Fault, { cluster, leaderId }: FaultStage): Member {
  if (target !== "leader") return cluster.members[target];
  const id = leaderId();
  return cluster.members.find((member) => member.id === id) ?? cluster.members[company[0] ?? 0];
}

/** Nothing, when it is busy already. */
function whileBusy(one: { isBusy: boolean }, work: () => Promise<void>): Promise<void> | undefined {
  if (one.isBusy) return undefined;
  one.isBusy = true;
  return work().finally(() => one.isBusy = false);
}

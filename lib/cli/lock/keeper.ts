/** Keeps a sub-lease while a command runs under it: renews, and carries out what the tenure says. Used by both watchers of a command. */
import type { NodeLink } from "../node_link.ts";
import type { Alarm } from "./alarm.ts";
import type { SteadyClock } from "./steady_clock.ts";
import { type SubLeaseName, takeSubLease } from "./sub_lease_client.ts";
import type { Tenure, TenureAction, TenureEvent } from "./tenure.ts";

/** What a keeper works with. */
export interface KeeperOptions {
  readonly tenure: Tenure;
  readonly clock: SteadyClock;
  readonly alarm: Alarm;
  readonly link: NodeLink;
  readonly named: SubLeaseName;
  /** Under another certificate the node leads another term, and the command has to be started anew. */
  readonly certificateId: string;
  terminate(): void;
  kill(): void;
}

/** One keeper. */
export class Keeper {
  readonly #options: KeeperOptions;
  #renewing?: Promise<void>;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** Keeps on until `isOver`, which is asked after each wake of the alarm, or until the command was killed. */
  async run(isOver: () => boolean): Promise<void> {
    const { tenure, clock, alarm } = this.#options;
    while (!isOver() && !tenure.isKilled) {
      this.tell({ type: "tick" });
      if (!tenure.isKilled) await alarm.sleep(tenure.deadlineMs() - clock.nowMs());
    }
    await this.#renewing;
  }

  /** Tells the tenure, and does what follows. */
  tell(event: TenureEvent): void {
    const { tenure, clock } = this.#options;
    for (const action of tenure.step(event, clock.nowMs())) this.#carryOut(action);
  }

  #carryOut(action: TenureAction): void {
    switch (action) {
      case "renew":
        this.#renewing ??= this.#renew().finally(() => this.#renewing = undefined);
        break;
      case "terminate":
        this.#options.terminate();
        break;
      case "kill":
        this.#options.kill();
        break;
      default:
        action satisfies never;
    }
  }

  async #renew(): Promise<void> {
    const { tenure, clock, alarm, link, named, certificateId } = this.#options;
    const outcome = await takeSubLease(link, named, clock, tenure.remainingMs(clock.nowMs()));
    if (outcome.type === "refused") this.tell({ type: "refused" });
    if (outcome.type === "granted") {
      const { sentMs, grantedMs } = outcome;
      const isSame = outcome.certificateId === certificateId;
      this.tell(isSame ? { type: "granted", sentMs, grantedMs } : { type: "refused" });
    }
    alarm.wake();
  }
}

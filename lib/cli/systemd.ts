/**
 * Telling a service manager how the node is: sd_notify(3), datagrams of `KEY=value` lines to the socket that `NOTIFY_SOCKET` names, and
 * heartbeats as `WATCHDOG_USEC` wants them. Where there is no such variable there is nobody to tell.
 */
import { utf8 } from "../base/bytes.ts";

/** Says it; one that is out of reach is not told, which must not stop a node. */
export class ServiceManager implements Disposable {
  readonly #to: string;
  readonly #folder: string;
  readonly #socket: Deno.DatagramConn;
  #watchdog?: ReturnType<typeof setInterval>;

  /** `undefined` when nobody is to be told. Throws what the system says when no socket can be made. */
  static open(env: (name: string) => string | undefined): ServiceManager | undefined {
    const to = env("NOTIFY_SOCKET");
    if (!to) return undefined;
    const manager = new ServiceManager(to);
    const isForUs = [undefined, "", String(Deno.pid)].includes(env("WATCHDOG_PID"));
    const periodUs = Number(env("WATCHDOG_USEC") ?? NaN);
    if (isForUs && periodUs > 0) manager.#beat(periodUs / 1000);
    return manager;
  }

  private constructor(to: string) {
    // A name in the abstract namespace is written with @ and begins with a zero byte.
    this.#to = to.replace(/^@/, "\0");
    this.#folder = Deno.makeTempDirSync({ prefix: "fumata-notify-" });
    this.#socket = Deno.listenDatagram({
      transport: "unixpacket",
      path: `${this.#folder}/socket`,
    });
  }

  /** The node runs and answers; `status` is a line for people. */
  async ready(status: string): Promise<void> {
    await this.#tell(`READY=1\nSTATUS=${status}\n`);
  }

  /** It stops, in its own time. */
  async stopping(): Promise<void> {
    await this.#tell("STOPPING=1\nSTATUS=leaving the cluster\n");
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
    this.#socket.close();
    Deno.removeSync(this.#folder, { recursive: true });
  }

  /** Half the period is what sd_watchdog_enabled(3) recommends. A node whose event loop hangs does not get here. */
  #beat(periodMs: number): void {
    this.#watchdog = setInterval(() => this.#tell("WATCHDOG=1\n"), periodMs / 2);
  }

  async #tell(text: string): Promise<void> {
    try {
      await this.#socket.send(utf8(text), { transport: "unixpacket", path: this.#to });
    } catch { /* the manager went away, or was never there */ }
  }
}

/** Each check of `fumata doctor`, on a machine and a cluster that are well, and on ones that are not. */
import { deepStrictEqual, match, strictEqual } from "node:assert";
import { setImmediate } from "node:timers";
import { writeControlFile } from "../../lib/api/control_file.ts";
import { formatAddress } from "../../lib/base/address.ts";
import { FumataError } from "../../lib/base/errors.ts";
import { doctorCommand } from "../../lib/cli/commands/doctor.ts";
import { checkClock, checkEnclave, checkRoster } from "../../lib/cli/doctor/enclave.ts";
import type { Finding } from "../../lib/cli/doctor/finding.ts";
import {
  checkClusterKeys,
  checkPorts,
  checkStateFolder,
  runningNode,
} from "../../lib/cli/doctor/machine.ts";
import { checkReach } from "../../lib/cli/doctor/reach.ts";
import { checkLeader, memberAddresses } from "../../lib/cli/doctor/running.ts";
import { KeyringFile } from "../../lib/node/keyring_file.ts";
import { openTransport } from "../../lib/node/transport.ts";
import { createSealer } from "../../lib/wire/sealing.ts";
import { ownLoopback } from "../_loopback.ts";
import { Served } from "../api/_served.ts";
import { runCommand } from "../enclave/_context.ts";
import { BareEnclave, TestNode } from "../node/_cluster.ts";
import { keyOf, rosterWorld } from "../node/_roster.ts";

const HOST = "127.0.0.1";
/** Looks at a port that was given up: for about a second. */
const TRIES_MAX = 10_000;

function seen(findings: readonly Finding[]): string {
  return findings.map(({ health, what }) => `${health} ${what}`).join("; ");
}

Deno.test("ports: free, taken by another program, taken by the node itself, of another machine", async () => {
  const bind = { host: ownLoopback(), port: 0 };
  const taken = openTransport(bind, { datagram() {}, stream: () => [] });
  const { address } = taken;
  match(seen(checkPorts(address, false)), /^fail TCP of .*; fail UDP of/);
  match(seen(checkPorts(address, true)), /^ok the running node has/);
  await taken[Symbol.asyncDispose]();
  let found = "";
  // A child that a test beside this one is just starting has all sockets of this process until it has become its own program.
  for (let tries = 0; tries < TRIES_MAX && !found.startsWith("ok"); tries++) {
    found = seen(checkPorts(address, false));
    await new Promise((resolve) => setImmediate(resolve));
  }
  match(found, /^ok UDP and TCP of .* are free$/);
  match(seen(checkPorts(address, true)), /^warn a node runs/);
  const elsewhere = checkPorts({ host: "192.0.2.1", port: address.port }, false);
  match(seen(elsewhere), /^fail TCP/);
  match(elsewhere[0].advice!, /an address of this machine/);
});

Deno.test("state folder: not there, good, readable by others, no folder at all", async () => {
  const folder = await Deno.makeTempDir();
  match(seen(await checkStateFolder(undefined)), /^warn .* remember nothing/);
  match(seen(await checkStateFolder(`${folder}/new`)), /^ok .*made at the first start/);
  match(seen(await checkStateFolder(folder)), /^ok .* keeps what it is given/);
  deepStrictEqual([...Deno.readDirSync(folder)], []);
  await Deno.chmod(folder, 0o755);
  match(seen(await checkStateFolder(folder)), /^warn others can read/);
  await Deno.writeTextFile(`${folder}/file`, "");
  match(seen(await checkStateFolder(`${folder}/file`)), /^fail .* is no folder/);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("cluster keys: none, good, readable by others, damaged", async () => {
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  match(seen(checkClusterKeys(undefined, true)), /^ok/);
  match(seen(checkClusterKeys(undefined, false)), /^warn .* can be read on the wire/);
  KeyringFile.create(path);
  match(seen(checkClusterKeys(path, false)), /^ok gossip is sealed with key/);
  await Deno.chmod(path, 0o644);
  match(seen(checkClusterKeys(path, false)), /^warn others can read/);
  await Deno.writeTextFile(path, "x");
  match(seen(checkClusterKeys(path, false)), /^fail .*line 1/);
  await Deno.remove(path);
});

Deno.test("enclave: verified, refused, away", async () => {
  await using enclave = new BareEnclave("highest");
  const good = await checkEnclave(enclave.host);
  match(seen(good.findings), /^warn bare is verified: simulated, open cluster, policy highest/);
  enclave.up = false;
  const away = await checkEnclave(enclave.host);
  match(seen(away.findings), /^fail Cannot reach the enclave/);
  match(away.findings[0].advice!, /start the host/);
  const error = new FumataError("refused", "another checksum");
  const refused = await checkEnclave({ name: "x", connect: () => Promise.reject(error) });
  match(refused.findings[0].advice!, /do not loosen them/);
});

Deno.test("clock: as the host's, off, far off, not to be compared", async () => {
  const theirMs = Date.UTC(2026, 0, 1);
  const hostname = ownLoopback();
  let headers: HeadersInit = { date: new Date(theirMs).toUTCString() };
  const server = Deno.serve(
    { port: 0, hostname, onListen() {} },
    () => new Response(null, { headers }),
  );
  const host = {
    name: `http://${hostname}:${server.addr.port}`,
    connect: () => Promise.reject(new Error("is not connected to")),
  };
  const at = async (offMs: number) => seen(await checkClock(host, () => theirMs + offMs));
  match(await at(0), /^ok/);
  // A second has only just begun, or is just over.
  match(await at(999), /^ok/);
  match(await at(5_000), /^warn this clock is 4\.0 s ahead/);
  match(await at(-5_000), /^warn this clock is 5\.0 s behind/);
  match(await at(-61_000), /^fail this clock is 61\.0 s behind/);
  headers = { date: "never" };
  match(await at(0), /^warn .* tells no time/);
  await server.shutdown();
  match(await at(0), /^warn the clock could not be compared/);
});

Deno.test("roster: listed, another key, no key, another cluster", async () => {
  await using world = await rosterWorld(3, 0);
  const { description, folders } = world;
  match(seen(checkRoster(description, folders[1], false, "test")), /^ok this node is n1 of 3/);
  match(seen(checkRoster(description, folders[1], false, "other")), /^fail .*cluster "test"/);
  match(seen(checkRoster(description, undefined, false, "test")), /^fail .*no identity yet/);
  match(seen(checkRoster(description, undefined, true, "test")), /^ok the running node/);
  const stranger = await Deno.makeTempDir();
  match(seen(checkRoster(description, stranger, false, "test")), /^fail .*no identity yet/);
  keyOf(stranger);
  match(seen(checkRoster(description, stranger, false, "test")), /^fail the key .* is not in/);
  await Deno.remove(stranger, { recursive: true });
});

Deno.test("reach: a member answers short and long datagrams, sealed or not, and learns nothing by it", async () => {
  await using enclave = new BareEnclave("highest");
  const folder = await Deno.makeTempDir();
  const keyFile = `${folder}/key`;
  KeyringFile.create(keyFile);
  const sealer = createSealer("test", KeyringFile.open(keyFile).keyring);
  const domain = { checksum: enclave.checksum, cluster: "test" };
  for (const sealed of [false, true]) {
    await using test = new TestNode(enclave, [], sealed ? { keyFile } : {});
    const { node } = test;
    const passerBy = { host: HOST, domain, ...(sealed && { sealer }) };
    const [found, ...more] = await checkReach(node.address, passerBy);
    match(found.what, /answers over UDP, also 1[12]\d\d bytes/);
    deepStrictEqual(more, []);
    deepStrictEqual(node.members(), []);
    if (!sealed) continue;
    // Without the cluster's keys one is not heard.
    const unheard = await checkReach(node.address, { host: HOST, domain });
    match(seen(unheard), /^fail .* does not answer over UDP/);
    match(unheard[0].advice!, /other cluster keys/);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("reach: nobody there, and a way that long datagrams do not pass", async () => {
  const domain = { checksum: new Uint8Array(32), cluster: "test" };
  const nobody = await checkReach({ host: HOST, port: 1 }, { host: HOST, domain });
  match(seen(nobody), /^fail [^;]*: nothing listens there$/);
  strictEqual(nobody[0].advice, "start the node there, or correct the address");

  await using enclave = new BareEnclave("highest");
  await using test = new TestNode(enclave, []);
  await using tunnel = new Tunnel(test.node.address, 1_000);
  const found = await checkReach(tunnel.address, {
    host: HOST,
    domain: { checksum: enclave.checksum, cluster: "test" },
  });
  match(seen(found), /^warn .* answers short datagrams and none of 1200 bytes$/);
});

Deno.test("the command prints a line for each finding, and fails when one does", async () => {
  const wrong = await runCommand(doctorCommand, ["-p", "5000", "--on", "boot=x"]);
  strictEqual(wrong.exitCode, 1);
  match(
    wrong.out,
    /^STATE +CHECK +FOUND\nfail +config +Cannot use --on.*\n +→ "fumata config check"/,
  );
  const json = JSON.parse((await runCommand(doctorCommand, ["-p", "5000", "--json"])).out);
  deepStrictEqual([json.findings[0].check, json.findings[0].health], ["config", "fail"]);
});

Deno.test("a node counts as running only when it answers, and then says whom it sees and who leads", async () => {
  const folder = await Deno.makeTempDir();
  const control = { node: "a:1", id: "i", name: "n", cluster: "c" };
  strictEqual(await runningNode(folder), undefined);
  writeControlFile(folder, { ...control, http: `${HOST}:1` });
  strictEqual(await runningNode(folder), undefined);
  await using served = await Served.start();
  const http = served.url.slice("http://".length);
  writeControlFile(folder, { ...control, http });
  strictEqual(await runningNode(folder), http);

  await served.test.leader(1);
  match(seen([await checkLeader(http)]), /^ok n:1 leads term \d+$/);
  match(seen([await checkLeader(`${HOST}:1`)]), /^warn .* no leader$/);
  await using other = new TestNode(served.enclave, [served.test.node.address]);
  await other.leader(2);
  deepStrictEqual(await memberAddresses(http), [formatAddress(other.node.address)]);
  deepStrictEqual(await memberAddresses(`${HOST}:1`), []);
  await Deno.remove(folder, { recursive: true });
});

/** Passes datagrams on to an address, and its answers back, but no long ones. */
class Tunnel implements AsyncDisposable {
  readonly #tcp = Deno.listen({ hostname: HOST, port: 0 });
  readonly #near = Deno.listenDatagram({ ...this.address, hostname: HOST, transport: "udp" });
  readonly #far = Deno.listenDatagram({ hostname: HOST, port: 0, transport: "udp" });
  readonly #running: Promise<unknown>;
  #client?: Deno.Addr;

  constructor(to: { readonly host: string; readonly port: number }, bytesMax: number) {
    const target = { transport: "udp", hostname: to.host, port: to.port } as const;
    this.#running = Promise.all([
      (async () => {
        for await (const [bytes, from] of this.#near) {
          this.#client = from;
          if (bytes.length <= bytesMax) await this.#far.send(bytes, target);
        }
      })(),
      (async () => {
        for await (const [bytes] of this.#far) await this.#near.send(bytes, this.#client!);
      })(),
      (async () => {
        for await (const connection of this.#tcp) connection.close();
      })(),
    ]);
  }

  get address(): { readonly host: string; readonly port: number } {
    return { host: HOST, port: (this.#tcp.addr as Deno.NetAddr).port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of [this.#near, this.#far, this.#tcp]) socket.close();
    await this.#running;
  }
}

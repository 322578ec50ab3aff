/** What the page finds out of a certificate is what `fumata verify` finds out, word for word, of open clusters and of rosters. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import * as evidence from "../../lib/api/page/evidence.ts";
import { judge, type ReaderPins, type Sources } from "../../lib/api/page/judge.ts";
import type { StatusView } from "../../lib/api/views.ts";
import { hex } from "../../lib/base/bytes.ts";
import type { FumataError } from "../../lib/base/errors.ts";
import { verifyCommand } from "../../lib/cli/commands/verify.ts";
import { openSimulatedTee, type SimulatedTee } from "../../lib/tee/simulated.ts";
import { Asking } from "../api/_served.ts";
import { runCommand, TestFolder } from "../certificate/_command.ts";
import { BareEnclave, TestNode } from "../node/_cluster.ts";
import { leaseHolder, rosterWorld } from "../node/_roster.ts";

/** A leader's node, asked by the page's judge and by the command. */
interface Scene {
  readonly folder: TestFolder;
  readonly at: Asking;
  readonly tee: SimulatedTee;
  /** What a reader may bring; flags of the same meaning. */
  readonly pins: Required<Pick<ReaderPins, "checksum" | "keys" | "policy">> & ReaderPins;
  readonly flags: Readonly<Record<keyof ReaderPins, readonly string[]>>;
}

/** Of the kind of cluster; `pins` are those that only this kind has. */
async function scene(
  voter: TestNode,
  enclave: BareEnclave,
  kindPins: Pick<ReaderPins, "cluster" | "clusterJson">,
  run: (scene: Scene) => Promise<void>,
): Promise<void> {
  using folder = new TestFolder();
  await using at = await Asking.at(voter);
  const { tee } = enclave;
  ok(tee);
  const policy = policyOf(tee);
  const keys = JSON.stringify({ keys: [enclave.key.jwk] });
  const pins = { checksum: hex(enclave.checksum), keys, policy, ...kindPins };
  await run({
    folder,
    at,
    tee,
    pins,
    flags: {
      checksum: ["-c", pins.checksum],
      cluster: ["--cluster", kindPins.cluster ?? ""],
      clusterJson: ["--cluster-json", folder.write("cluster.json", kindPins.clusterJson ?? "")],
      keys: ["--keys", folder.write("keys.json", keys)],
      policy: ["--policy", folder.write("policy.json", policy)],
    },
  });
}

function policyOf({ measurements, rootPem }: SimulatedTee): string {
  return JSON.stringify({
    platform: "simulated",
    measurements,
    insecureSimulatedRoot: rootPem,
  });
}

async function inOpenCluster(run: (scene: Scene) => Promise<void>): Promise<void> {
  using folder = new TestFolder();
  await using enclave = new BareEnclave("random");
  enclave.tee = await openSimulatedTee({ folder: folder.path, version: "1" });
  await using first = new TestNode(enclave, [], { name: "n:1" });
  await using second = new TestNode(enclave, [first.node.address], { name: "n:2" });
  await first.leader(2);
  await second.leader(2);
  await scene(first, enclave, { cluster: "test" }, run);
}

async function inRoster(run: (scene: Scene) => Promise<void>): Promise<void> {
  using folder = new TestFolder();
  await using world = await rosterWorld(1, 0);
  world.enclave.tee = await openSimulatedTee({ folder: folder.path, version: "1" });
  await using voter = world.startAll()[0];
  await leaseHolder([voter]);
  await scene(voter, world.enclave, { clusterJson: JSON.stringify(world.clusterJson) }, run);
}

/** Judges as the page does; `change` lies about what the node answers. */
async function judged(
  { at }: Scene,
  pins: ReaderPins,
  change: (path: string, text: string) => string = (_, text) => text,
) {
  const sources: Sources = {
    ask: async (path) => change(path, await (await fetch(at.url + path)).text()),
    loadEvidence: () => Promise.resolve(evidence),
  };
  const { body } = await at.get("/v1/status");
  return await judge(body as StatusView, pins, sources);
}

/** What the command says of a document with the node's evidence, and these pins. */
async function verified({ at, folder, flags }: Scene, pins: ReaderPins, document?: object) {
  const [{ body: certificate }, { body: attestation }] = await Promise.all([
    at.get("/v1/certificate"),
    at.get("/v1/attestation"),
  ]);
  const file = folder.write("leader.json", { ...certificate, ...attestation, ...document });
  const words = (Object.keys(pins) as (keyof ReaderPins)[]).flatMap((pin) => flags[pin]);
  const { out } = await runCommand(verifyCommand, file, ...words, "--allow-open", "--json");
  return JSON.parse(out);
}

const KINDS = { "an open cluster": inOpenCluster, "a roster": inRoster };

for (const [kind, inCluster] of Object.entries(KINDS)) {
  Deno.test(`of ${kind} the page says what fumata verify says, by evidence and by keys`, () =>
    inCluster(async (scene) => {
      const { keys, policy, ...rest } = scene.pins;
      for (
        const [pins, flag] of [[{ ...rest, policy }, ""], [{ ...rest, keys }, "--keys"]] as const
      ) {
        const found = await judged(scene, pins);
        ok(found.isGenuine);
        const report = await verified(scene, pins);
        strictEqual(found.leaderName, report.leaderName);
        strictEqual(found.term, report.term);
        strictEqual(found.kind, report.kind);
        deepStrictEqual(found.meaning.proven, report.proven);
        const asSaidHere = (line: string) =>
          line.replace(/--(?:keys|cluster-json)/, "your file").replace(/; --prove .*/, "");
        deepStrictEqual(found.meaning.trusted, report.trusted.map(asSaidHere));
        deepStrictEqual(found.meaning.notProven, report.notProven.map(asSaidHere));
        strictEqual(found.meaning.trusted.some((line) => line.includes("this key")), flag !== "");
      }
    }));

  Deno.test(`of ${kind} the page says what it took from the node`, () =>
    inCluster(async (scene) => {
      const found = await judged(scene, {});
      ok(found.isGenuine);
      const told = found.meaning.trusted;
      strictEqual(told.filter((line) => line.endsWith(": this node says so")).length, 3);
    }));

  Deno.test(`of ${kind} the page refuses what fumata verify refuses, for the same reasons`, () =>
    inCluster(async (scene) => {
      const { policy: _, ...pins } = scene.pins;
      const { body: document } = await scene.at.get("/v1/certificate");
      const [vote] = document.bundle;
      const lies = {
        "no votes": { bundle: [] },
        "a vote twice": { bundle: [...document.bundle, vote] },
        "a forged vote": { bundle: [{ ...vote, signature: "A".repeat(86) }] },
        "a changed signature": { certificate: `${document.certificate.slice(0, -8)}AAAAAAAA` },
      };
      for (const [what, lie] of Object.entries(lies)) {
        const text = JSON.stringify({ ...document, ...lie });
        const found = await judged(
          scene,
          pins,
          (path, answer) => path === "/v1/certificate" ? text : answer,
        );
        ok(!found.isGenuine, what);
        const { failures } = await verified(scene, pins, lie);
        deepStrictEqual(
          found.reasons,
          failures.map((one: Record<string, string>) => `${one.check}: ${one.message}`),
          what,
        );
      }
    }));

  Deno.test(`of ${kind} evidence of another TEE is refused, for the reasons of fumata verify`, () =>
    inCluster(async (scene) => {
      using elsewhere = new TestFolder();
      const other = await openSimulatedTee({ folder: elsewhere.path, version: "1" });
      const { keys: _, ...rest } = scene.pins;
      const policy = policyOf(other);
      const found = await judged(scene, { ...rest, policy });
      ok(!found.isGenuine);
      const flags = { ...scene.flags, policy: ["--policy", elsewhere.write("p.json", policy)] };
      await rejects(verified({ ...scene, flags }, { ...rest, policy }), (error: FumataError) => {
        const said = found.reasons.map((reason) => reason.replace("evidence: ", "")).join("; ");
        strictEqual(error.message, `Cannot trust the evidence: ${said}`);
        return true;
      });
    }));
}

Deno.test("a node that shows an open certificate to whoever brings a roster is refused", () =>
  inOpenCluster(async (scene) => {
    const { cluster: _, ...pins } = scene.pins;
    const clusterJson = JSON.stringify({
      ...{ cluster: "test", faultBound: 0, policy: "random" },
      roster: [{ name: "n", key: "A".repeat(43) }],
      lease: { leaseMs: 1000 },
    });
    const found = await judged(scene, { ...pins, clusterJson });
    ok(!found.isGenuine);
    match(found.reasons.join(), /open cluster, hence no fencing token/);
  }));

Deno.test("the evidence has to name the certificate's key, of the function that is meant", () =>
  inOpenCluster(async (scene) => {
    const { keys: _, ...pins } = scene.pins;
    const nothing = await judged(
      scene,
      pins,
      (path, text) =>
        path.startsWith("/v1/attestation") ? JSON.stringify({ keys: [], evidence: [] }) : text,
    );
    deepStrictEqual(nothing, {
      isGenuine: false,
      reasons: ["evidence: the node has none for this key"],
    });
    const junk = await judged(
      scene,
      pins,
      (path, text) =>
        path.startsWith("/v1/attestation") ? JSON.stringify({ keys: [], evidence: [5] }) : text,
    );
    ok(!junk.isGenuine);
    match(junk.reasons[0], /evidence: the envelope is not a JSON object/);
    const another = await judged(scene, { ...pins, checksum: "0".repeat(64) });
    ok(!another.isGenuine);
    match(another.reasons.join(), /evidence: the function is [0-9a-f]{64}, expected 0{64}/);
    const document = JSON.parse(await (await fetch(`${scene.at.url}/v1/certificate`)).text());
    const [, ...parts] = document.certificate.split(".");
    const header = btoa(
      JSON.stringify({ alg: "RS256", kid: "A".repeat(43), typ: "election-open+jwt" }),
    ).replaceAll("=", "");
    const renamed = JSON.stringify({ ...document, certificate: [header, ...parts].join(".") });
    const kept = await (await fetch(`${scene.at.url}/v1/attestation`)).text();
    const foreign = await judged(
      scene,
      pins,
      (path, text) =>
        path === "/v1/certificate" ? renamed : path.startsWith("/v1/attestation") ? kept : text,
    );
    deepStrictEqual(foreign, { isGenuine: false, reasons: ["evidence: it names another key"] });
  }));

Deno.test("what browsers cannot judge is said, and judged by nobody", () =>
  inOpenCluster(async (scene) => {
    const policy = JSON.stringify({ platform: "snp", measurements: "insecure-any-measurement" });
    await rejects(
      judged(scene, { policy }),
      /browsers do not judge evidence of platform snp; "fumata verify" does/,
    );
    await rejects(judged(scene, { policy: "{}" }), /"platform" has to be one of/);
    await rejects(judged(scene, { policy: "no JSON" }), /your file is not JSON/);
    await rejects(judged(scene, { keys: "no JSON" }), /your file is not JSON/);
    await rejects(judged(scene, { checksum: "no hex" }), /64 lower-case hex digits/);
  }));

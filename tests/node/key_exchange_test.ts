/** Evidence of lost enclave keys between nodes: who asks, who answers, what is taken; and a real voter that was away while an enclave lost its key twice. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { generateKeyPairSync } from "node:crypto";
import { encodeUserData, type Evidence, parsePolicy } from "../../lib/attestation/mod.ts";
import { importRsaJwk, type RsaPublicKey } from "../../lib/crypto/rsa.ts";
import { CertificateDesk } from "../../lib/node/certificate_desk.ts";
import type { EnclaveHost } from "../../lib/node/enclave_hosts.ts";
import { keyOfKeptEvidence } from "../../lib/node/kept_evidence.ts";
import { KeyExchange, type KeyExchangeOptions } from "../../lib/node/key_exchange.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { openSimulatedTee, type SimulatedTee } from "../../lib/tee/simulated.ts";
import type { KeyMessage } from "../../lib/wire/key_messages.ts";
import { BareEnclave, evidenceOf } from "./_cluster.ts";
import { leaseHolder, rosterWorld } from "./_roster.ts";

const CHECKSUM = new Uint8Array(32).fill(7);
const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 0, 10, 12);

function freshKey(): RsaPublicKey {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return importRsaJwk(publicKey.export({ format: "jwk" })) as RsaPublicKey;
}

const [key, other] = [freshKey(), freshKey()];
const evidence = evidenceOf("simulated");

/** An exchange of a node that has `known`, in front of a judge who takes everything for the key that came with it. */
function exchange(
  { known = new Map<string, RsaPublicKey>(), isOfUse = true, verdict }: {
    readonly known?: Map<string, RsaPublicKey>;
    readonly isOfUse?: boolean;
    readonly verdict?: string;
  } = {},
) {
  const said: { readonly to: string; readonly message: KeyMessage }[] = [];
  const happened: string[] = [];
  let judged = 0;
  const options: KeyExchangeOptions = {
    desk: {
      keys: known,
      keyToPassOn: (kid) => {
        const key = known.get(kid);
        return key && { key, evidence };
      },
      admitPassedOn: (key) => {
        if (isOfUse) known.set(key.kid, key);
        return isOfUse;
      },
    },
    judge: (jwk) => {
      judged++;
      return verdict ?? (jwk.n === key.jwk.n ? key : other);
    },
    send: (to, message) => said.push({ to, message }),
    taken: ({ kid }, from) => happened.push(`took ${kid} from ${from}`),
    refused: (kid, from, reason) => happened.push(`refused ${kid} from ${from}: ${reason}`),
  };
  return { of: new KeyExchange(options), said, happened, judgements: () => judged };
}

const shown = (of: RsaPublicKey): KeyMessage => ({ kind: "key", jwk: of.jwk, evidence });

Deno.test("a key that a member was asked for is taken, once and from that member only", () => {
  const { of, said, happened, judgements } = exchange();
  of.ask("a", key.kid, 0);
  deepStrictEqual(said, [{ to: "a", message: { kind: "want-key", kid: key.kid } }]);
  of.hear("b", shown(key), 1);
  strictEqual(judgements(), 0);
  of.hear("a", shown(key), 2);
  deepStrictEqual(happened, [`took ${key.kid} from a`]);
  of.hear("a", shown(key), 3);
  strictEqual(judgements(), 1);
});

Deno.test("one question allows one judgement: a liar cannot make it judge on", () => {
  const { of, happened, judgements } = exchange({ verdict: "no such root" });
  of.ask("a", key.kid, 0);
  for (let i = 0; i < 5; i++) of.hear("a", shown(key), i);
  strictEqual(judgements(), 1);
  deepStrictEqual(happened, [`refused ${key.kid} from a: no such root`]);
});

Deno.test("another key than the one that was asked for is refused", () => {
  const { of, happened } = exchange();
  of.ask("a", key.kid, 0);
  of.hear("a", shown(other), 1);
  deepStrictEqual(happened, [`refused ${key.kid} from a: it is of the key ${other.kid}`]);
});

Deno.test("a key under which no waiting certificate is genuine is refused", () => {
  const { of, happened } = exchange({ isOfUse: false });
  of.ask("a", key.kid, 0);
  of.hear("a", shown(key), 1);
  match(happened[0], /no certificate that waits is genuine under it/);
});

Deno.test("a member is asked and answered at a bounded rate, and again when the message was lost", () => {
  const asking = exchange();
  for (const nowMs of [0, 100, 249, 250]) asking.of.ask("a", key.kid, nowMs);
  strictEqual(asking.said.length, 2);
  const answering = exchange({ known: new Map([[key.kid, key]]) });
  const question: KeyMessage = { kind: "want-key", kid: key.kid };
  for (const nowMs of [0, 100, 249, 250]) answering.of.hear("b", question, nowMs);
  deepStrictEqual(answering.said, [0, 1].map(() => ({ to: "b", message: shown(key) })));
  answering.of.hear("b", { kind: "want-key", kid: other.kid }, 1_000);
  strictEqual(answering.said.length, 2);
});

async function withTee(
  run: (tee: SimulatedTee, evidence: Evidence, policy: ReturnType<typeof policyOf>) => void,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const tee = await openSimulatedTee({ folder, version: "1", wallNow: () => NOW_MS });
    const evidence = await tee.attest({
      nonce: new Uint8Array(16),
      sessionKey: new Uint8Array(32),
      userData: encodeUserData({ functionChecksum: CHECKSUM, certificateKid: key.kid }),
    });
    run(tee, evidence, policyOf(tee));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function policyOf({ rootPem, measurements }: SimulatedTee) {
  return parsePolicy({ platform: "simulated", insecureSimulatedRoot: rootPem, measurements });
}

Deno.test("kept evidence is judged at its own time, long after its certificate ended", () =>
  withTee((_tee, evidence, policy) => {
    const now = new Date(NOW_MS + 1000 * HOUR_MS);
    const demands = { policies: [policy], functionChecksum: CHECKSUM, now };
    const judged = keyOfKeptEvidence(key.jwk, evidence, demands);
    ok(typeof judged !== "string", String(judged));
    strictEqual(judged.kid, key.kid);
  }));

Deno.test("kept evidence for another key, of another function, under another policy or from the future is refused", () =>
  withTee((tee, evidence, policy) => {
    const good = {
      policies: [policy],
      functionChecksum: CHECKSUM,
      now: new Date(NOW_MS + HOUR_MS),
    };
    const refusal = (jwk: RsaPublicKey["jwk"], change: Partial<typeof good>) => {
      const judged = keyOfKeptEvidence(jwk, evidence, { ...good, ...change });
      return typeof judged === "string" ? judged : "taken";
    };
    strictEqual(refusal(key.jwk, {}), "taken");
    match(refusal(other.jwk, {}), /binds another certificate key/);
    match(refusal(key.jwk, { functionChecksum: new Uint8Array(32) }), /the function is 07/);
    match(refusal(key.jwk, { policies: [] }), /no policy/);
    const measurements = { ...tee.measurements, pcr0: "00".repeat(48) };
    const strange = policyOf({ ...tee, measurements });
    match(refusal(key.jwk, { policies: [strange] }), /pcr0/i);
    strictEqual(refusal(key.jwk, { policies: [strange, policy] }), "taken");
    match(refusal(key.jwk, { now: new Date(NOW_MS - HOUR_MS) }), /valid/);
    match(refusal({ ...key.jwk, e: "Aw" }, {}), /exponent/);
  }));

Deno.test("a voter that was away while the enclave lost its key twice follows by evidence that another kept, and still after a restart", async () => {
  await using world = await rosterWorld(3, 0);
  const folder = await Deno.makeTempDir();
  const tee = await openSimulatedTee({ folder, version: "1" });
  await using two = new BareEnclave("random", world.clusterJson);
  await using three = new BareEnclave("random", world.clusterJson);
  for (const enclave of [world.enclave, two, three]) enclave.tee = tee;
  let current = world.enclave;
  const host: EnclaveHost = {
    name: "forgetful",
    connect: () => current.connect(),
    policy: policyOf(tee),
  };
  const nodes = world.startAll({ enclaves: [host] });
  const loseKey = async (next: BareEnclave, staying: typeof nodes) => {
    const lost = current;
    current = next;
    lost.crash();
    for (const { listener } of staying) {
      const { kid } = next.key;
      await listener.until(({ event, fields }) => event === "attested" && fields.kid === kid);
    }
  };
  try {
    const leader = await leaseHolder(nodes);
    const away = nodes.find((node) => node !== leader)!;
    const staying = nodes.filter((node) => node !== away);
    await away[Symbol.asyncDispose]();
    await loseKey(two, staying);
    const heard = staying.map((node) => node.listener.said.length);
    leader.node.stepDown();
    const next = await leaseHolder(staying, heard);
    const { id, kid } = next.node.leader!;
    strictEqual(kid, two.key.kid);
    await loseKey(three, staying);

    const domain = { checksum: world.enclave.checksum, cluster: "test" };
    {
      using store = StateStore.open(undefined);
      const desk = new CertificateDesk(domain, store, world.description);
      strictEqual(desk.admitPassedOn(two.key, evidence), false);
      deepStrictEqual(desk.judge(next.node.leader!.document, "b"), { kind: "waits", kid });
      strictEqual(desk.admitPassedOn(other, evidence), false);
      strictEqual(desk.admitPassedOn(two.key, evidence), true);
      deepStrictEqual([desk.kids, [...desk.keys.keys()]], [[], [kid]]);
      strictEqual(desk.takeWaiting().length, 1);
    }

    const index = nodes.indexOf(away);
    nodes[index] = world.start(index, staying, { enclaves: [host] });
    const { listener } = nodes[index];
    await listener.until(({ event, fields }) => event === "key-taken" && fields.kid === kid);
    await listener.until(({ event, fields }) => event === "leader" && fields.certificateId === id);
    await nodes[index][Symbol.asyncDispose]();
    {
      // On its disk, and not as one that it attested: it would not vote for that key as a new one.
      using store = StateStore.open(world.folders[index]);
      const desk = new CertificateDesk(domain, store);
      ok(desk.keys.has(kid) && !desk.kids.includes(kid));
    }
    nodes[index] = world.start(index, staying, { enclaves: [host] });
    await nodes[index].listener.until(({ event, fields }) =>
      event === "leader" && fields.certificateId === id
    );
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  }
});

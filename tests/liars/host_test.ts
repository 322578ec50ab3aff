/**
 * Enclave hosts that lie (design §4.6: a broken enclave alone elects nobody). Each is a program of its own that answers in the real form, under
 * a key whose evidence the nodes have accepted: what it signs against the rules is refused by every node, and said.
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { createPublicKey } from "node:crypto";
import { base64url, fromBase64url, fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import {
  type RosterProposalTexts,
  rosterProposalTexts,
  verifyCertificate,
  type Vote,
} from "../../lib/certificate/mod.ts";
import { sealNativeHpke } from "../../lib/crypto/hpke_native.ts";
import { importRsaJwk, type RsaPublicKey } from "../../lib/crypto/rsa.ts";
import type { EnclaveHost } from "../../lib/node/enclave_hosts.ts";
import { signJws, type Unsigned } from "../certificate/_issue.ts";
import { idOf, rosterClaims } from "../certificate/_issue_roster.ts";
import { CERTIFICATE_PEM } from "../function/_keys.ts";
import type { TestNode } from "../node/_cluster.ts";
import { limited } from "../node/_limit.ts";
import { leaseHolder, type RosterWorld, rosterWorld } from "../node/_roster.ts";
import { LiarsCluster } from "./_liar.ts";
import { Observer } from "./_observer.ts";

const EVIL_KEY = importRsaJwk(
  createPublicKey(CERTIFICATE_PEM).export({ format: "jwk" }),
) as RsaPublicKey;

/** What a host is asked to certify. */
type Request = RosterProposalTexts & { readonly votes: readonly Vote[] };

/** A host that describes itself truly and certifies as it likes; `key` is what its evidence binds. */
function evilHost(
  world: RosterWorld,
  certify: (honest: Unsigned, request: Request) => string,
  key = EVIL_KEY,
): EnclaveHost {
  const { description } = world;
  if (description.kind !== "roster") throw new Error("no roster");
  const { config } = description;
  return {
    name: "evil",
    connect: async () => {
      const connection = await world.enclave.connect();
      return {
        ...connection,
        certificateKey: key,
        invoke: async (input) => {
          const request = JSON.parse(fromUtf8(input)!);
          if (!request.elect) return await connection.invoke(input);
          const domain = { checksum: world.enclave.checksum, cluster: "test" };
          const honest = rosterClaims(request.elect, config, domain);
          const answer = utf8(JSON.stringify({ certificate: certify(honest, request.elect) }));
          return sealNativeHpke(fromBase64url(request.reply)!, answer);
        },
      };
    },
  };
}

function signed({ header, claims }: Unsigned): string {
  return signJws(header, claims);
}

async function closing(nodes: readonly TestNode[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    for (const node of nodes) await node[Symbol.asyncDispose]();
  }
}

/** Nodes with this host elect nobody, and say that its certificate is wrong, and why. */
async function electsNobody(world: RosterWorld, host: EnclaveHost, why: RegExp): Promise<void> {
  const nodes = world.startAll({ enclaves: [host] });
  await closing(nodes, async () => {
    const refused = nodes.map(({ listener }) =>
      listener.until(({ event }) => event === "certificate-refused")
    );
    const said = await limited("a refused certificate", nodes, Promise.any(refused));
    match(said.message, why);
    match(said.message, /^certificate from the enclave at evil refused/);
    for (const { node, listener } of nodes) {
      strictEqual(node.leaseRemainingMs(), 0);
      ok(!listener.said.some(({ event }) => event === "leader" || event === "lease-held"));
    }
  });
}

Deno.test("a host that signs a leader who was not drawn elects nobody", async () => {
  await using world = await rosterWorld(3, 0);
  if (world.description.kind !== "roster") throw new Error("no roster");
  const { roster } = world.description.config;
  const domain = { checksum: world.enclave.checksum, cluster: "test" };
  const host = evilHost(world, (honest) => {
    const other = roster.find(({ id }) => base64url(id) !== honest.claims.sub)!;
    Object.assign(honest.claims, {
      sub: base64url(other.id),
      name: other.name,
      cnf: { jwk: { crv: "Ed25519", kty: "OKP", x: base64url(other.key) } },
    });
    honest.claims.jti = idOf(honest.claims, honest.header.kid, domain);
    return signed(honest);
  });
  await electsNobody(world, host, /leader|drawn|draw/);
});

Deno.test("a host that signs with another key than its evidence binds elects nobody, nor does one that relays another host's evidence", async () => {
  await using world = await rosterWorld(3, 0);
  await electsNobody(
    world,
    evilHost(world, signed, world.enclave.key),
    /signature is not valid/,
  );
  const stranger = evilHost(world, (honest) => {
    honest.header.kid = world.enclave.key.kid;
    return signed(honest);
  });
  // Its name for the key is one that the nodes know from its first life, so the signature tells; to others the key is unknown.
  await electsNobody(world, stranger, /signature is not valid|not among/);
});

Deno.test("a host and a voter in league elect nobody without a quorum", async () => {
  await using cluster = await LiarsCluster.start(4, 1);
  const { world, rules, honest, observer } = cluster;
  if (world.description.kind !== "roster") throw new Error("no roster");
  const leader = await cluster.untilHonestLeads();
  const { id: prev, term, kid, active, leader: incumbent } = leader.node.leader!;
  // The host's key signs whatever its friend wants.
  const proposal = {
    type: "leader",
    term: term + 1,
    prev,
    kid,
    active,
    incumbent,
    tenure: 1,
  } as const;
  const digest = rules.digest(proposal);
  const vote = rules.signVote(term + 1, digest);
  const { config } = world.description;
  const domain = { checksum: world.enclave.checksum, cluster: "test" };
  const texts = rosterProposalTexts(config, proposal);
  const claims = rosterClaims(texts, config, domain, world.enclave.pem);
  const certificate = signJws(claims.header, claims.claims, world.enclave.pem);
  for (const bundle of [[vote], [vote, vote, vote]]) {
    const from = cluster.marks(honest);
    cluster.say({ kind: "certificate", document: { certificate, bundle } });
    await cluster.allSay(
      "a refusal",
      ({ event, fields }) =>
        event === "certificate-refused" && fields.from === cluster.liar.node.name,
      from,
    );
  }
  strictEqual(leader.node.leader!.id, prev);
  ok(leader.node.leaseRemainingMs() > 0);
  observer.check();
});

Deno.test("a host that signs one election twice differently makes one certificate: what it says decides, not its bytes", async () => {
  await using world = await rosterWorld(3, 0);
  let calls = 0;
  const host = evilHost(world, (honest) => {
    honest.claims.iat += ++calls;
    return signed(honest);
  });
  const nodes = world.startAll({ enclaves: [host] });
  await closing(nodes, async () => {
    const observer = new Observer(nodes);
    const leader = await leaseHolder(nodes);
    const { document, id, term, kid } = leader.node.leader!;
    const [head, body] = document.certificate.split(".").slice(0, 2).map((part) =>
      JSON.parse(fromUtf8(fromBase64url(part)!)!)
    );
    strictEqual(kid, EVIL_KEY.kid);
    const twin = { ...document, certificate: signJws(head, { ...body, iat: body.iat + 1_000 }) };
    ok(twin.certificate !== document.certificate);
    const verdict = verifyCertificate(twin, {
      domain: { checksum: world.enclave.checksum, cluster: "test" },
      keys: new Map([[kid, EVIL_KEY]]),
      ...(world.description.kind === "roster" && { config: world.description.config }),
    });
    ok(verdict.ok);
    deepStrictEqual([verdict.certificate.id, verdict.certificate.term], [id, term]);
    for (const { node } of nodes) deepStrictEqual(node.evidence, []);
    observer.check();
  });
});

Deno.test("a host that drops the answers that it dislikes cannot draw anew", async () => {
  await using world = await rosterWorld(3, 0);
  const drawn: string[] = [];
  const host = evilHost(world, (honest, { bitmap, prev }) => {
    drawn.push(JSON.stringify([prev, bitmap, honest.claims.sub]));
    if (drawn.length <= 3) throw new FumataError("unreachable", "Cannot reach the enclave");
    return signed(honest);
  });
  const nodes = world.startAll({ enclaves: [host] });
  await closing(nodes, async () => {
    const observer = new Observer(nodes);
    await leaseHolder(nodes);
    // The same voters after the same certificate: the same leader, however often it is asked.
    const byView = Map.groupBy(
      drawn.map((text) => JSON.parse(text)),
      ([prev, bitmap]) => prev + bitmap,
    );
    for (const answers of byView.values()) {
      strictEqual(new Set(answers.map(([, , leader]) => leader)).size, 1);
    }
    ok(drawn.length > 3);
    observer.check();
  });
});

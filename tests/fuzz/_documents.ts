/** The doors of texts and files: certificates, chains, fences, orders, cluster.json, packages, evidence, state folders, requests to the function, flags. */
import { base64url, fromUtf8, hex, utf8 } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import { createPrng, type Prng } from "../../lib/base/prng.ts";
import { decodeEvidence, encodeEvidence } from "../../lib/attestation/envelope.ts";
import { insecureAnyMeasurementPolicy, verifyEvidence } from "../../lib/attestation/mod.ts";
import { readEvidenceFile } from "../../lib/attestation/evidence_file.ts";
import { parseCertificateFile } from "../../lib/certificate/certificate_document.ts";
import { parseChainFile } from "../../lib/certificate/chain_file.ts";
import { readFence } from "../../lib/certificate/fence.ts";
import {
  type CertificatePins,
  readClusterConfig,
  verifyCertificate,
} from "../../lib/certificate/mod.ts";
import { readChallenge } from "../../lib/certificate/possession.ts";
import {
  formatSuccessionOrder,
  parseSuccessionOrder,
  signSuccessionOrder,
} from "../../lib/certificate/succession_order.ts";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { COMMANDS, loadAll } from "../../lib/cli/commands.ts";
import { EMPTY_MEMORY } from "../../lib/election/roster/types.ts";
import { CertificateDesk } from "../../lib/node/certificate_desk.ts";
import { openRosterMemory, rosterOrigin } from "../../lib/node/roster_memory.ts";
import { StateStore } from "../../lib/node/state_store.ts";
import { openPackage, packFiles } from "../../lib/package/mod.ts";
import { makeNitro } from "../attestation/_nitro_maker.ts";
import { CONFIG, DOMAIN, issueClosing, issueRoster } from "../certificate/_issue_roster.ts";
import { configFields, OPERATOR } from "../function/_roster.ts";
import { certificateKey } from "../function/_world.ts";
import type { Door, Fate, OpenDoor } from "./_door.ts";
import {
  changedText,
  hostileBytes,
  hostileJson,
  hostileJsonBytes,
  type Json,
  pick,
} from "./_mutate.ts";

/** Certificates with their votes, alone and in chains, fences, orders, challenges: texts that verifiers take from anybody. */
export const CERTIFICATE_DOOR: Door = {
  name: "certificate",
  what: "certificates, chains, fences, orders of succession, challenges",
  suiteExecutions: 1_500,
  takenMin: 50,
  open(seed) {
    const samples = certificateSamples();
    const key = certificateKey();
    const pins: CertificatePins = {
      domain: DOMAIN,
      keys: new Map([[key.kid, key]]),
      config: CONFIG,
    };
    return fuzzTexts(seed, samples, (text) => {
      const readings: unknown[] = [
        parseCertificateFile(text),
        parseChainFile(text),
        readFence(text),
        parseSuccessionOrder(text),
      ];
      const value = parsed(text);
      readings.push(readChallenge(value));
      const verdict = verifyCertificate(value, pins);
      const isTaken = verdict.ok || readings.some((reading) => typeof reading !== "string");
      return isTaken ? "taken" : "refused";
    });
  },
};

function certificateSamples(): Json[] {
  const document = issueRoster() as unknown as Json;
  const closing = issueClosing() as unknown as Json;
  const digest = base64url(new Uint8Array(32).fill(7));
  const order = formatSuccessionOrder(
    signSuccessionOrder(OPERATOR, DOMAIN, new Uint8Array(32).fill(8)),
  );
  return [
    document,
    closing,
    { chain: [document, closing], keys: [{ kty: "RSA" }], evidence: [] },
    { cluster: "test", term: 7, id: digest },
    JSON.parse(order),
    { certificate: digest, challenge: digest },
  ];
}

/** A package's `cluster.json`. */
export const CLUSTER_DOOR: Door = {
  name: "cluster-json",
  what: "cluster.json of packages",
  suiteExecutions: 3_000,
  takenMin: 100,
  open: (seed) =>
    fuzzTexts(
      seed,
      [configFields(4, 1), configFields(7, 2, { succeeds: "ab".repeat(32) })],
      (text) => typeof readClusterConfig(utf8(text)) === "string" ? "refused" : "taken",
    ),
};

/** Function packages, as hosts get them from accounts. */
export const PACKAGE_DOOR: Door = {
  name: "package",
  what: "zips of functions",
  suiteExecutions: 2_000,
  takenMin: 50,
  open: (seed) => {
    const files = new Map([["app.ts", utf8("export {}")], ["a/b.json", utf8("{}".repeat(200))]]);
    const { zip } = packFiles("f", files);
    return fuzzBytes(
      seed,
      [zip],
      (bytes) => typeof openPackage(bytes) === "string" ? "refused" : "taken",
    );
  },
};

/** Evidence of enclaves: envelopes and documents of a self-made authority, with CBOR, COSE and X.509 in them. */
export const EVIDENCE_DOOR: Door = {
  name: "evidence",
  what: "attestation envelopes, CBOR, COSE, X.509, reports",
  suiteExecutions: 800,
  takenMin: 20,
  open: (seed) => {
    const made = makeNitro();
    const document = made.document();
    const envelope = encodeEvidence({ platform: "nitro", document, endorsements: [] });
    const prng = createPrng(seed + 1);
    return fuzzBytes(seed, [envelope, document], (bytes) => {
      const decoded = decodeEvidence(bytes);
      const file = readEvidenceFile(bytes);
      const platform = pick(prng, ["nitro", "snp", "tdx", "sgx", "simulated"] as const);
      const policy = insecureAnyMeasurementPolicy(platform === "simulated" ? "nitro" : platform);
      const raw = { platform: policy.platform, document: bytes, endorsements: [bytes] };
      const verdict = verifyEvidence(raw, policy, { at: new Date(0) });
      if (verdict.failures.length === 0) throw new Error("damaged evidence is genuine");
      return typeof decoded !== "string" || typeof file !== "string" ? "taken" : "refused";
    });
  },
};

/** What a voter finds in its state folder: its memory as JSON, and the file itself. */
export const STATE_DOOR: Door = {
  name: "state",
  what: "the state file, and the memory in it",
  suiteExecutions: 400,
  takenMin: 20,
  async open(seed) {
    const folder = await Deno.makeTempDir({ prefix: "fumata-fuzz-" });
    const prng = createPrng(seed);
    StateStore.open(`${folder}/state`)[Symbol.dispose]();
    const path = `${folder}/state/node.db`;
    const file = Deno.readFileSync(path);
    const memory: Json = {
      ...(EMPTY_MEMORY as unknown as Record<string, Json>),
      lastVote: { term: 3, digest: "d", prev: "p" },
      promisedMsMax: 480,
      head: { id: "c", proposal: { type: "closing", term: 2 }, document: { certificate: "a.b.c" } },
    };
    let last = "";
    return {
      run(execution) {
        if (execution % 8 !== 0) {
          last = hostileJson(memory, prng);
          return refusable(() => {
            using store = StateStore.open(undefined);
            store.saveRoster(hex(DOMAIN.checksum), "test", last.toWellFormed());
            const desk = new CertificateDesk(DOMAIN, store);
            rosterOrigin(store, DOMAIN, CONFIG, openRosterMemory(store, DOMAIN, desk));
          });
        }
        const bytes = hostileBytes(file, prng);
        last = `file of ${bytes.length} bytes`;
        Deno.writeFileSync(path, bytes);
        return refusable(() => StateStore.open(`${folder}/state`)[Symbol.dispose]());
      },
      lastInput: () => last,
      close: () => Deno.remove(folder, { recursive: true }),
    };
  },
};

/** Words of the command line, for every command. */
export const FLAGS_DOOR: Door = {
  name: "flags",
  what: "words of the command line",
  suiteExecutions: 4_000,
  takenMin: 100,
  async open(seed) {
    const commands = await loadAll(COMMANDS);
    const prng = createPrng(seed);
    let last: string[] = [];
    return {
      run() {
        const command = pick(prng, commands);
        last = Array.from({ length: prng.below(5) }, () => {
          const flag = command.flags.length > 0 ? pick(prng, command.flags).name : "help";
          const word = pick(prng, [
            `--${flag}`,
            `--${flag}=1`,
            `-${flag[0]}`,
            "7",
            "a:1",
            "--",
            "",
          ]);
          return prng.below(3) === 0 ? changedText(word, prng) : word;
        });
        return refusable(() => parseArguments(last, command));
      },
      lastInput: () => JSON.stringify(last),
    };
  },
};

function fuzzTexts(seed: number, samples: readonly Json[], feed: (text: string) => Fate): OpenDoor {
  const prng = createPrng(seed);
  let last = "";
  return {
    run() {
      last = fromUtf8(hostileJsonBytes(pick(prng, samples), prng)) ?? "";
      return feed(last);
    },
    lastInput: () => last,
  };
}

function fuzzBytes(
  seed: number,
  samples: readonly Uint8Array[],
  feed: (bytes: Uint8Array) => Fate,
): OpenDoor {
  const prng: Prng = createPrng(seed);
  let last = new Uint8Array();
  return {
    run() {
      last = Uint8Array.from(hostileBytes(pick(prng, samples), prng));
      return feed(last);
    },
    lastInput: () => hex(last),
  };
}

/** What people see as an error is a refusal, anything else a finding. */
function refusable(act: () => void): Fate {
  try {
    act();
    return "taken";
  } catch (thrown) {
    if (thrown instanceof FumataError) return "refused";
    throw thrown;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

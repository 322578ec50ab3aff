/**
 * Real nodes in one process, on loopback sockets, with the real election function in the real sandbox; only attestation is left out (it
 * has tests of its own). Waiting is for log events, never for time.
 */
import { generateKeyPairSync } from "node:crypto";
import { encodeUserData } from "../../lib/attestation/mod.ts";
import type { Evidence, Platform } from "../../lib/attestation/types.ts";
import type { Address } from "../../lib/base/address.ts";
import { FumataError } from "../../lib/base/errors.ts";
import type { LogFields, Logger, LogLevel } from "../../lib/base/log.ts";
import { importRsaJwk, type RsaPublicKey } from "../../lib/crypto/rsa.ts";
import type { EnclaveHost } from "../../lib/node/enclave_hosts.ts";
import type { AttestedConnection } from "../../lib/node/enclave_link.ts";
import { Node } from "../../lib/node/node.ts";
import type { NodeOptions } from "../../lib/node/node_options.ts";
import { openPackage, packFiles } from "../../lib/package/mod.ts";
import type { FunctionPackage } from "../../lib/package/types.ts";
import type { SimulatedTee } from "../../lib/tee/simulated.ts";
import { createSandbox, type Sandbox } from "../../lib/sandbox/mod.ts";

const FUNCTION = new URL("../../function/leader-election/", import.meta.url);

/** One log line. */
export interface Said {
  readonly level: LogLevel;
  readonly event: string;
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger whose events can be awaited. */
export class Listener implements Logger {
  readonly said: Said[] = [];
  /** Called with each line at the moment at which it is said. */
  onSaid?: (said: Said) => void;
  readonly #waiting = new Set<() => void>();

  log(level: LogLevel, event: string, message: string, fields: LogFields = {}): void {
    const said = { level, event, message, fields };
    this.said.push(said);
    this.onSaid?.(said);
    for (const wake of [...this.#waiting]) wake();
  }

  /** The first line from `from` on that passes; waits for it. */
  async until(passes: (said: Said) => boolean, from = 0): Promise<Said> {
    for (let at = from;;) {
      for (; at < this.said.length; at++) if (passes(this.said[at])) return this.said[at];
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }
}

/** Evidence that nobody looks into. */
export function evidenceOf(platform: Platform): Evidence {
  return { platform, document: new Uint8Array(), endorsements: [] };
}

/** The enclave without its walls: the election function and its key. */
export class BareEnclave implements AsyncDisposable {
  readonly checksum: Uint8Array;
  readonly key: RsaPublicKey;
  /** The package. */
  readonly zip: Uint8Array;
  up = true;
  calls = 0;
  /** Of the certificate key, for tests in which the enclave is not to be trusted. */
  readonly pem: string;
  readonly #pair: KeyPair;
  readonly #package: FunctionPackage;
  readonly #sandbox: Sandbox = createSandbox();
  readonly #connections = new Set<() => void>();

  /** With a `clusterJson` the function serves that roster, and the policy is its own. */
  constructor(policy: "highest" | "random", clusterJson?: object) {
    const files = new Map<string, Uint8Array>();
    for (const entry of Deno.readDirSync(FUNCTION)) {
      files.set(entry.name, Deno.readFileSync(new URL(entry.name, FUNCTION)));
    }
    files.set("policy.json", new TextEncoder().encode(JSON.stringify({ policy })));
    if (clusterJson) {
      files.set("cluster.json", new TextEncoder().encode(JSON.stringify(clusterJson)));
    }
    const { zip } = packFiles("leader-election", files);
    this.zip = zip;
    const opened = openPackage(zip);
    if (typeof opened === "string" || "reason" in opened) throw new Error(JSON.stringify(opened));
    this.#package = opened as FunctionPackage;
    this.checksum = this.#package.checksum;
    this.#pair = freePairs.pop() ?? makePair();
    this.pem = this.#pair.pem;
    this.key = this.#pair.key;
  }

  /** Evidence of a simulated TEE, for tests that verify offline; else there is none worth the name. */
  tee?: SimulatedTee;

  /** As a node's option names it. */
  get host(): EnclaveHost {
    return { name: "bare", connect: () => this.connect() };
  }

  /** Ends all connections, as a crash of the host does. */
  crash(): void {
    this.up = false;
    for (const end of this.#connections) end();
    this.#connections.clear();
  }

  async connect(): Promise<AttestedConnection> {
    if (!this.up) throw new FumataError("unreachable", "Cannot reach the enclave: it is down");
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.#connections.add(resolve);
    const session = await this.#sandbox.open(
      this.#package,
      { certificateKeyPem: this.pem },
      "simulated",
    );
    return {
      evidence: await this.#attest(),
      certificateKey: this.key,
      closed,
      invoke: async (input) => {
        if (!this.up) throw new FumataError("unreachable", "Cannot reach the enclave: it is down");
        this.calls++;
        const outcome = await session.call(input);
        if (outcome.ok) return outcome.output;
        throw new FumataError("function", outcome.error);
      },
      close: () => session.close(),
    };
  }

  async #attest(): Promise<Evidence> {
    if (!this.tee) return evidenceOf("simulated");
    return await this.tee.attest({
      nonce: crypto.getRandomValues(new Uint8Array(16)),
      sessionKey: new Uint8Array(32),
      userData: encodeUserData({
        functionChecksum: this.checksum,
        certificateKid: this.key.kid,
      }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandbox[Symbol.asyncDispose]();
    if (!freePairs.includes(this.#pair)) freePairs.push(this.#pair);
  }
}

interface KeyPair {
  readonly pem: string;
  readonly key: RsaPublicKey;
}

/** Keys of enclaves that are gone: making one keeps a core busy, and only enclaves of one test have to have keys of their own. */
const freePairs: KeyPair[] = [];

function makePair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    pem: privateKey.export({ format: "pem", type: "pkcs8" }) as string,
    key: importRsaJwk(publicKey.export({ format: "jwk" })) as RsaPublicKey,
  };
}

/** A node and what it says. */
export class TestNode implements AsyncDisposable {
  readonly listener = new Listener();
  readonly node: Node;

  constructor(enclave: BareEnclave, seeds: readonly Address[], more: Partial<NodeOptions> = {}) {
    this.node = new Node({
      bind: { host: "127.0.0.1", port: 0 },
      cluster: "test",
      seeds,
      profile: "local",
      tags: {},
      checksum: enclave.checksum,
      enclaves: [enclave.host],
      logger: this.listener,
      ...more,
    });
  }

  /** Waits until this node respects a certificate of exactly so many active nodes; gives its leader's name. */
  async leader(activeNodes: number, from = 0): Promise<string> {
    const said = await this.listener.until(
      ({ event, message }) => event === "leader" && message.includes(` of ${activeNodes} votes`),
      from,
    );
    return String(said.fields.name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
  }
}

/** A node with its HTTP interface, and requests as bytes or as JSON. */
import { formatAddress } from "../../lib/base/address.ts";
import type { ApiLimits } from "../../lib/api/limits.ts";
import { ROUTES } from "../../lib/api/routes.ts";
import type { Route } from "../../lib/api/types.ts";
import { ApiServer } from "../../lib/api/server.ts";
import { BareEnclave, TestNode } from "../node/_cluster.ts";

// What a test expects of an answer, it looks up in it.
// deno-lint-ignore no-explicit-any
type Json = any;

export const TOKEN = "a-token";

/** Requests to an HTTP interface. */
export class Asking implements AsyncDisposable {
  protected constructor(readonly server: ApiServer) {}

  /** Serves a node that is there already. */
  static async at({ node }: TestNode): Promise<Asking> {
    const at = { host: "127.0.0.1", port: 0 };
    return new Asking(await ApiServer.start({ at, node, routes: ROUTES, token: TOKEN }));
  }

  get url(): string {
    return `http://${formatAddress(this.server.address)}`;
  }

  async get(path: string, token?: string): Promise<{ status: number; body: Json }> {
    return await this.#fetch(path, { headers: bearer(token) });
  }

  async post(path: string, body: unknown, token?: string): Promise<{ status: number; body: Json }> {
    return await this.#fetch(path, {
      method: "POST",
      headers: { ...bearer(token), "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  }

  /** Writes bytes on a fresh connection and gives all that comes back. */
  async raw(request: string): Promise<string> {
    using connection = await this.connect();
    await connection.write(new TextEncoder().encode(request)).catch(() => {});
    return await readAll(connection);
  }

  connect(): Promise<Deno.TcpConn> {
    const { host, port } = this.server.address;
    return Deno.connect({ hostname: host, port });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  async #fetch(path: string, init: RequestInit): Promise<{ status: number; body: Json }> {
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.startsWith("application/json");
    return { status: response.status, body: isJson ? JSON.parse(text) : text };
  }
}

/** A node of its own, in an open cluster, with its HTTP interface. */
export class Served extends Asking {
  private constructor(readonly enclave: BareEnclave, readonly test: TestNode, server: ApiServer) {
    super(server);
  }

  static async start(
    options: {
      node?: ConstructorParameters<typeof TestNode>[2];
      limits?: ApiLimits;
      token?: false;
      allowedOrigins?: readonly string[];
      routes?: readonly Route[];
    } = {},
  ): Promise<Served> {
    const enclave = new BareEnclave("highest");
    const test = new TestNode(enclave, [], { name: "n:1", ...options.node });
    const server = await ApiServer.start({
      at: { host: "127.0.0.1", port: 0 },
      node: test.node,
      routes: options.routes ?? ROUTES,
      ...(options.token !== false && { token: TOKEN }),
      ...(options.limits && { limits: options.limits }),
      ...(options.allowedOrigins && { allowedOrigins: options.allowedOrigins }),
    });
    return new Served(enclave, test, server);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.test[Symbol.asyncDispose]();
    await this.enclave[Symbol.asyncDispose]();
  }
}

export async function readAll(connection: Deno.TcpConn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(4096);
  for (;;) {
    const count = await connection.read(buffer).catch(() => null);
    if (count === null) return text;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
}

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

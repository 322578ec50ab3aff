/**
 * The way to the Nitro Secure Module on real hardware: an ioctl on `/dev/nsm`, through the C library, since Deno has none of its own. The
 * ioctl takes a struct of four 64-bit numbers: address and length of the request, address and length of the room for the answer, whose
 * length the driver sets to what it wrote (Linux: `include/uapi/linux/nsm.h`).
 */
import { FumataError } from "../base/errors.ts";
import { NSM_RESPONSE_BYTES_MAX, type NsmTransport } from "./nitro.ts";

/** Where the kernel has the device. */
export const NSM_DEVICE = "/dev/nsm";

/** `_IOWR(0x0A, 0, 32 bytes)`. */
const NSM_IOCTL = 0xc0200a00n;
const O_RDWR = 2;
const STRUCT_BYTES = 32;
const RESPONSE_LENGTH_OFFSET = 24;
/** Names of the C library with glibc and with musl. */
const LIBRARIES = ["libc.so.6", "libc.so", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** A transport that opens the device for each exchange, so that nothing has to be closed. Throws a `FumataError` without the device. */
export function nsmDevice(path: string = NSM_DEVICE): NsmTransport {
  return {
    exchange(request) {
      const library = openLibrary();
      try {
        return exchangeOn(library.symbols, path, request);
      } finally {
        library.close();
      }
    },
  };
}

function exchangeOn(
  c: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"],
  path: string,
  request: Uint8Array,
): Uint8Array {
  const file = c.open(new TextEncoder().encode(`${path}\0`), O_RDWR);
  if (file < 0) throw new FumataError("failure", `Cannot open "${path}": is this a Nitro enclave?`);
  try {
    const sent = request.slice();
    const response = new Uint8Array(NSM_RESPONSE_BYTES_MAX);
    const struct = new Uint8Array(STRUCT_BYTES);
    const view = new DataView(struct.buffer);
    view.setBigUint64(0, addressOf(sent), true);
    view.setBigUint64(8, BigInt(sent.length), true);
    view.setBigUint64(16, addressOf(response), true);
    view.setBigUint64(RESPONSE_LENGTH_OFFSET, BigInt(response.length), true);
    if (c.ioctl(file, NSM_IOCTL, struct) !== 0) {
      throw new FumataError("failure", `Cannot talk to "${path}": the device refuses the request`);
    }
    const written = Number(view.getBigUint64(RESPONSE_LENGTH_OFFSET, true));
    if (written > response.length) {
      throw new FumataError("failure", `Cannot talk to "${path}": it claims ${written} bytes`);
    }
    return response.subarray(0, written);
  } finally {
    c.close(file);
  }
}

function addressOf(bytes: Uint8Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes));
}

function openLibrary(): Deno.DynamicLibrary<typeof SYMBOLS> {
  for (const name of LIBRARIES) {
    try {
      return Deno.dlopen(name, SYMBOLS);
    } catch {
      // The next name.
    }
  }
  throw new FumataError("failure", "Cannot load the C library: Linux is needed for Nitro enclaves");
}

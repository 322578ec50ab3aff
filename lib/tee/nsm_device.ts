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

/**
 * Struct, request and room for the answer are one allocation, the one that the call itself is given: an allocation that only the struct
 * points to could be collected before the kernel reads it.
 */
function exchangeOn(
  c: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"],
  path: string,
  request: Uint8Array,
): Uint8Array {
  const file = c.open(new TextEncoder().encode(`${path}\0`), O_RDWR);
  if (file < 0) throw new FumataError("failure", `Cannot open "${path}": is this a Nitro enclave?`);
  try {
    const memory = new Uint8Array(STRUCT_BYTES + request.length + NSM_RESPONSE_BYTES_MAX);
    memory.set(request, STRUCT_BYTES);
    const responseAt = STRUCT_BYTES + request.length;
    const view = new DataView(memory.buffer);
    const address = Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory));
    view.setBigUint64(0, address + BigInt(STRUCT_BYTES), true);
    view.setBigUint64(8, BigInt(request.length), true);
    view.setBigUint64(16, address + BigInt(responseAt), true);
    view.setBigUint64(RESPONSE_LENGTH_OFFSET, BigInt(NSM_RESPONSE_BYTES_MAX), true);
    if (c.ioctl(file, NSM_IOCTL, memory) !== 0) {
      throw new FumataError("failure", `Cannot talk to "${path}": the device refuses the request`);
    }
    const written = Number(view.getBigUint64(RESPONSE_LENGTH_OFFSET, true));
    if (written > NSM_RESPONSE_BYTES_MAX) {
      throw new FumataError("failure", `Cannot talk to "${path}": it claims ${written} bytes`);
    }
    return memory.subarray(responseAt, responseAt + written);
  } finally {
    c.close(file);
  }
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

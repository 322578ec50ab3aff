/**
 * AWS Nitro Enclaves: attestation documents from the Nitro Secure Module. A request and its answer are CBOR; the way to the module is a
 * transport, `nsm_device.ts` on real hardware. Nitro cannot seal by itself (AWS does it in its key service, under attestation).
 */
import { decode, encode } from "cborg";
import { FumataError, messageOf } from "../base/errors.ts";
import type { EvidenceRequest, TeeDriver } from "./types.ts";

/** Sends one request to the module and gives its answer; throws when the device fails. */
export interface NsmTransport {
  exchange(request: Uint8Array): Uint8Array;
}

/** The most bytes of a request that the module takes. */
const NSM_REQUEST_BYTES_MAX = 0x1000;
/** The most bytes that the module answers. */
export const NSM_RESPONSE_BYTES_MAX = 0x3000;

/** The driver of a Nitro enclave. */
export function openNitroTee(transport: NsmTransport): TeeDriver {
  return {
    platform: "nitro",
    attest: (request) =>
      Promise.resolve(request).then((wanted) => ({
        platform: "nitro",
        document: requestDocument(transport, wanted),
        endorsements: [],
      })),
  };
}

function requestDocument(transport: NsmTransport, request: EvidenceRequest): Uint8Array {
  const message = encode({
    Attestation: {
      user_data: request.userData,
      nonce: request.nonce,
      public_key: request.sessionKey,
    },
  });
  if (message.length > NSM_REQUEST_BYTES_MAX) {
    throw nsmError(`the request has ${message.length} bytes, ${NSM_REQUEST_BYTES_MAX} fit`);
  }
  let answer: unknown;
  try {
    answer = decode(transport.exchange(message), { useMaps: true });
  } catch (thrown) {
    throw nsmError(messageOf(thrown), thrown);
  }
  if (!(answer instanceof Map)) throw nsmError("the answer is not a map");
  if (answer.has("Error")) throw nsmError(`it answers the error ${String(answer.get("Error"))}`);
  const attestation: unknown = answer.get("Attestation");
  const document = attestation instanceof Map ? attestation.get("document") : undefined;
  if (!(document instanceof Uint8Array)) throw nsmError("the answer has no document");
  return document;
}

function nsmError(problem: string, cause?: unknown): FumataError {
  const message = `Cannot get a document from the Nitro Secure Module: ${problem}`;
  return new FumataError("failure", message, { cause });
}

/**
 * What a PCK certificate says about the platform: Intel's extension 1.2.840.113741.1.13.1, after "Intel SGX PCK Certificate and
 * Certificate Revocation List Profile Specification", section 1.3.5.
 */
import { hex } from "../base/bytes.ts";
import type { Certificate } from "./certificate_format.ts";
import {
  childrenOf,
  type DerElement,
  expectTag,
  objectIdentifier,
  readDer,
  smallInteger,
  TAG,
} from "./der.ts";
import { malformed } from "./structure.ts";

/** The platform that a PCK belongs to. */
export interface PckPlatform {
  /** Family, model, stepping and so on: 6 bytes in lower-case hex. */
  readonly fmspc: string;
  /** 2 bytes in lower-case hex. */
  readonly pceId: string;
  readonly pceSvn: number;
  /** 16 numbers of 0..255. */
  readonly tcbComponents: readonly number[];
}

const SGX_EXTENSION = "1.2.840.113741.1.13.1";
const TCB_COMPONENTS = 16;

/** Reads the extension; `undefined` when the certificate has none, hence is no PCK certificate. Throws `Malformed`. */
export function parsePckPlatform(certificate: Certificate): PckPlatform | undefined {
  const value = certificate.extensions.get(SGX_EXTENSION);
  if (!value) return undefined;
  const fields = pairsOf(readDer(value));
  const tcb = pairsOf(fieldOf(fields, `${SGX_EXTENSION}.2`));
  const tcbField = (index: number) =>
    smallInteger(fieldOf(tcb, `${SGX_EXTENSION}.2.${index}`), "a TCB component");
  return {
    fmspc: octets(fieldOf(fields, `${SGX_EXTENSION}.4`), 6, "FMSPC"),
    pceId: octets(fieldOf(fields, `${SGX_EXTENSION}.3`), 2, "PCE-ID"),
    pceSvn: tcbField(TCB_COMPONENTS + 1),
    tcbComponents: Array.from({ length: TCB_COMPONENTS }, (_, index) => tcbField(index + 1)),
  };
}

function pairsOf(sequence: DerElement): ReadonlyMap<string, DerElement> {
  const pairs = childrenOf(expectTag(sequence, TAG.sequence, "Intel's extension")).map((pair) => {
    const [id, value, ...more] = childrenOf(expectTag(pair, TAG.sequence, "Intel's extension"));
    if (!value || more.length > 0) malformed("Intel's extension has an entry that is no pair");
    return [objectIdentifier(id, "Intel's extension"), value] as const;
  });
  return new Map(pairs);
}

function fieldOf(fields: ReadonlyMap<string, DerElement>, id: string): DerElement {
  return fields.get(id) ?? malformed(`Intel's extension lacks ${id}`);
}

function octets(element: DerElement, length: number, what: string): string {
  const { content } = expectTag(element, TAG.octetString, what);
  if (content.length !== length) malformed(`${what} has ${content.length} bytes, not ${length}`);
  return hex(content);
}

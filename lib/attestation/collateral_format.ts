/**
 * Intel's collateral, text to fields: which firmware of a platform and which quoting enclaves are up to date, as Intel's provisioning
 * certification service gives it ("Intel SGX and Intel TDX Provisioning Certification Service, API version 4"). The file has the form
 * that dcap-qvl writes: JSON texts that are signed as they stand, hex signatures and revocation lists, PEM chains. Its
 * `pck_crl_issuer_chain` is not read: the list has to be signed by the CA in the quote.
 */
import { fromHex, utf8 } from "../base/bytes.ts";
import { isRecord } from "../base/json.ts";
import { type Certificate, parsePemCertificates } from "./certificate_format.ts";
import { parseRevocationList, type RevocationList } from "./revocation_list.ts";
import { malformed } from "./structure.ts";

/** A text signed by Intel. */
export interface SignedText {
  readonly text: Uint8Array;
  readonly signature: Uint8Array;
  /** Signer first, root last. */
  readonly chain: readonly Certificate[];
  readonly issueDateMs: number;
  readonly nextUpdateMs: number;
}

/** A level of security versions with its status. */
export interface TcbLevel {
  readonly status: string;
  readonly advisories: readonly string[];
}

/** A level of a platform: all versions have to be reached. */
export interface PlatformTcbLevel extends TcbLevel {
  readonly sgxComponents: readonly number[];
  readonly tdxComponents?: readonly number[];
  readonly pceSvn: number;
}

/** A level of an enclave or module. */
export interface EnclaveTcbLevel extends TcbLevel {
  readonly isvSvn: number;
}

/** A TDX module of one major version. */
export interface TdxModule {
  /** `TDX_03` and the like; undefined for the module of version 0. */
  readonly id?: string;
  readonly mrsigner: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
  readonly levels: readonly EnclaveTcbLevel[];
}

/** What Intel says about platforms of one FMSPC. */
export interface TcbInfo {
  readonly id: string;
  readonly fmspc: string;
  readonly pceId: string;
  readonly levels: readonly PlatformTcbLevel[];
  /** Module of version 0 first. */
  readonly modules: readonly TdxModule[];
}

/** What Intel says about a quoting enclave. */
export interface QeIdentity {
  readonly id: string;
  readonly miscSelect: Uint8Array;
  readonly miscSelectMask: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
  readonly mrsigner: Uint8Array;
  readonly isvProdId: number;
  readonly levels: readonly EnclaveTcbLevel[];
}

/** The fields of one collateral file. */
export interface Collateral {
  readonly tcbInfoText: SignedText;
  readonly tcbInfo: TcbInfo;
  readonly qeIdentityText: SignedText;
  readonly qeIdentity: QeIdentity;
  readonly rootList: RevocationList;
  readonly pckList: RevocationList;
}

/** Real files have 16 KiB. */
const COLLATERAL_CHARACTERS_MAX = 4 * 1024 * 1024;
/** Real lists have 20 levels. */
const LEVELS_MAX = 256;
const TCB_COMPONENTS = 16;

type Fields = Readonly<Record<string, unknown>>;

/** Reads collateral. Throws `Malformed` and what JSON throws. */
export function parseCollateral(text: string): Collateral {
  if (text.length > COLLATERAL_CHARACTERS_MAX) {
    malformed(`collateral has ${text.length} characters`);
  }
  const fields = object(JSON.parse(text), "collateral");
  const tcbInfo = object(JSON.parse(string(fields, "tcb_info")), "tcb_info");
  const qeIdentity = object(JSON.parse(string(fields, "qe_identity")), "qe_identity");
  return {
    tcbInfoText: signedText(fields, "tcb_info", tcbInfo),
    tcbInfo: parseTcbInfo(tcbInfo),
    qeIdentityText: signedText(fields, "qe_identity", qeIdentity),
    qeIdentity: parseQeIdentity(qeIdentity),
    rootList: parseRevocationList(bytes(fields, "root_ca_crl")),
    pckList: parseRevocationList(bytes(fields, "pck_crl")),
  };
}

function signedText(fields: Fields, name: string, parsed: Fields): SignedText {
  return {
    text: utf8(string(fields, name)),
    signature: bytes(fields, `${name}_signature`),
    chain: parsePemCertificates(string(fields, `${name}_issuer_chain`)),
    issueDateMs: time(parsed, "issueDate"),
    nextUpdateMs: time(parsed, "nextUpdate"),
  };
}

function parseTcbInfo(fields: Fields): TcbInfo {
  if (fields.version !== 3) malformed(`tcb_info is of version ${fields.version}, not 3`);
  // The type says how versions compare; 0, component by component, is the only one that Intel has defined.
  if (fields.tcbType !== 0) malformed(`tcb_info is of type ${fields.tcbType}, not 0`);
  const module = fields.tdxModule === undefined ? [] : [object(fields.tdxModule, "tdxModule")];
  const identities = fields.tdxModuleIdentities === undefined
    ? []
    : objects(fields, "tdxModuleIdentities");
  return {
    id: string(fields, "id"),
    fmspc: string(fields, "fmspc").toLowerCase(),
    pceId: string(fields, "pceId").toLowerCase(),
    levels: objects(fields, "tcbLevels").map(parsePlatformLevel),
    modules: [...module, ...identities].map((item) => ({
      ...(item.id !== undefined && { id: string(item, "id") }),
      mrsigner: bytes(item, "mrsigner"),
      attributes: bytes(item, "attributes"),
      attributesMask: bytes(item, "attributesMask"),
      levels: item.tcbLevels === undefined ? [] : objects(item, "tcbLevels").map(parseEnclaveLevel),
    })),
  };
}

function parseQeIdentity(fields: Fields): QeIdentity {
  if (fields.version !== 2) malformed(`qe_identity is of version ${fields.version}, not 2`);
  return {
    id: string(fields, "id"),
    miscSelect: bytes(fields, "miscselect"),
    miscSelectMask: bytes(fields, "miscselectMask"),
    attributes: bytes(fields, "attributes"),
    attributesMask: bytes(fields, "attributesMask"),
    mrsigner: bytes(fields, "mrsigner"),
    isvProdId: whole(fields, "isvprodid"),
    levels: objects(fields, "tcbLevels").map(parseEnclaveLevel),
  };
}

function parsePlatformLevel(level: Fields): PlatformTcbLevel {
  const tcb = object(level.tcb, "tcb");
  return {
    ...statusOf(level),
    sgxComponents: components(tcb, "sgxtcbcomponents"),
    ...(tcb.tdxtcbcomponents !== undefined &&
      { tdxComponents: components(tcb, "tdxtcbcomponents") }),
    pceSvn: whole(tcb, "pcesvn"),
  };
}

function parseEnclaveLevel(level: Fields): EnclaveTcbLevel {
  return { ...statusOf(level), isvSvn: whole(object(level.tcb, "tcb"), "isvsvn") };
}

function statusOf(level: Fields): TcbLevel {
  const advisories = level.advisoryIDs ?? [];
  if (!Array.isArray(advisories) || !advisories.every((item) => typeof item === "string")) {
    malformed("advisoryIDs is not an array of texts");
  }
  return { status: string(level, "tcbStatus"), advisories };
}

function components(tcb: Fields, name: string): number[] {
  const list = objects(tcb, name).map((component) => whole(component, "svn"));
  if (list.length !== TCB_COMPONENTS) malformed(`${name} does not have ${TCB_COMPONENTS} entries`);
  return list;
}

function object(value: unknown, what: string): Fields {
  return isRecord(value) ? value : malformed(`${what} is not an object`);
}

function objects(fields: Fields, name: string): Fields[] {
  const value = fields[name];
  if (!Array.isArray(value) || value.length > LEVELS_MAX) malformed(`${name} is not a short array`);
  return value.map((item) => object(item, name));
}

function string(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : malformed(`${name} is not a text`);
}

function whole(fields: Fields, name: string): number {
  const value = fields[name];
  return Number.isInteger(value) ? value as number : malformed(`${name} is not a whole number`);
}

function bytes(fields: Fields, name: string): Uint8Array {
  return fromHex(string(fields, name)) ?? malformed(`${name} is not hex`);
}

function time(fields: Fields, name: string): number {
  const ms = Date.parse(string(fields, name));
  return Number.isFinite(ms) ? ms : malformed(`${name} is not a time`);
}

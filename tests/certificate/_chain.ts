/** Chains of genuine certificates, across functions, for tests of the audit. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import type { ClusterConfig } from "../../function/leader-election/cluster_config.ts";
import { type Domain, genesisId } from "../../function/leader-election/rules.ts";
import { base64url, fromBase64url, hex, utf8 } from "../../lib/base/bytes.ts";
import {
  type CertificateDocument,
  type FunctionPins,
  incumbencyOf,
  type RosterProposalTexts,
  type VerifiedCertificate,
  verifyCertificate,
} from "../../lib/certificate/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";
import { importRsaJwk, type RsaPublicKey } from "../../lib/crypto/rsa.ts";
import {
  type ConfigFields,
  configFields,
  configOf,
  everybody,
  orderFor,
  rosterVotes,
  voters,
} from "../function/_roster.ts";
import { CERTIFICATE_PEM, certificateKey, PACKAGE_PEM } from "../function/_world.ts";
import { type Unsigned } from "./_issue.ts";
import { issueClosing, issueRoster } from "./_issue_roster.ts";

const key = certificateKey();

/** The key of a second enclave. */
export const OTHER_KEY = importRsaJwk(
  createPublicKey(createPrivateKey(PACKAGE_PEM) as never).export({ format: "jwk" }),
) as RsaPublicKey;

/** A function of a test with what it issued. */
export class TestFunction {
  readonly config: ClusterConfig;
  readonly domain: Domain;
  readonly pins: FunctionPins;

  constructor(name: string, change: ConfigFields = {}, checksum: Uint8Array = sha256(utf8(name))) {
    this.config = configOf(configFields(4, 1, change));
    this.domain = { checksum, cluster: this.config.cluster };
    const keys = new Map([key, OTHER_KEY].map((known) => [known.kid, known]));
    this.pins = { domain: this.domain, keys, config: this.config };
  }

  get checksumHex(): string {
    return hex(this.domain.checksum);
  }

  /** A genuine certificate after another, or after genesis. `change` breaks the proposal that is voted on. */
  elect(
    term: number,
    prev?: VerifiedCertificate,
    change: Partial<RosterProposalTexts> = {},
  ): Issued {
    const proposal = {
      term,
      prev: prev?.id ?? base64url(genesisId(sha256, this.domain)),
      kid: key.kid,
      bitmap: everybody(4),
      ...incumbencyOf(prev),
      ...change,
    };
    const pem = proposal.kid === key.kid ? CERTIFICATE_PEM : PACKAGE_PEM;
    const document = issueRoster(() => {}, proposal, this.config, this.domain, pem);
    return this.#issued({ ...document, bundle: rosterVotes(this.domain, proposal, voters(4)) });
  }

  /** A genuine closing certificate. */
  close(term: number, successor: TestFunction, prev: VerifiedCertificate): Issued {
    const closing = {
      term,
      prev: prev.id,
      kid: key.kid,
      successor: base64url(successor.domain.checksum),
    };
    const sign = ({ claims }: Unsigned) => {
      claims.order = orderFor(this.domain, fromBase64url(closing.successor)!);
    };
    return this.#issued(issueClosing(sign, closing, this.config, this.domain));
  }

  #issued(document: CertificateDocument): Issued {
    const verdict = verifyCertificate(document, this.pins);
    if (!verdict.ok) throw new Error(JSON.stringify(verdict.failures));
    return { document, certificate: verdict.certificate };
  }
}

/** A genuine certificate and its document. */
export interface Issued {
  readonly document: CertificateDocument;
  readonly certificate: VerifiedCertificate;
}

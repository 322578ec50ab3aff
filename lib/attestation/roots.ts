/**
 * The roots of AWS and Intel that are trusted unless a policy brings its own; AMD's are in `roots_amd.ts`. A root is pinned by its exact
 * bytes. Public data, as the makers publish it:
 *
 * | certificate | SHA-256 of the DER |
 * |---|---|
 * | AWS Nitro Enclaves Root G1 | 641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b |
 * | Intel SGX Root CA | 44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3 |
 */
import { equalBytes } from "../base/bytes.ts";
import { type Certificate, parsePemCertificates } from "./certificate_format.ts";
import { AMD_CERTIFICATES_PEM } from "./roots_amd.ts";
import { Malformed, structured } from "./structure.ts";
import type { AttestationPolicy, Platform } from "./types.ts";

/** The certificates that a verifier trusts: self-signed ones are roots, the others lie between a root and evidence. */
export interface TrustStore {
  readonly roots: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
}

/** Valid 2019-10-28 .. 2049-10-28. */
const AWS_NITRO_ROOT_PEM = `
-----BEGIN CERTIFICATE-----
MIICETCCAZagAwIBAgIRAPkxdWgbkK/hHUbMtOTn+FYwCgYIKoZIzj0EAwMwSTEL
MAkGA1UEBhMCVVMxDzANBgNVBAoMBkFtYXpvbjEMMAoGA1UECwwDQVdTMRswGQYD
VQQDDBJhd3Mubml0cm8tZW5jbGF2ZXMwHhcNMTkxMDI4MTMyODA1WhcNNDkxMDI4
MTQyODA1WjBJMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGQW1hem9uMQwwCgYDVQQL
DANBV1MxGzAZBgNVBAMMEmF3cy5uaXRyby1lbmNsYXZlczB2MBAGByqGSM49AgEG
BSuBBAAiA2IABPwCVOumCMHzaHDimtqQvkY4MpJzbolL//Zy2YlES1BR5TSksfbb
48C8WBoyt7F2Bw7eEtaaP+ohG2bnUs990d0JX28TcPQXCEPZ3BABIeTPYwEoCWZE
h8l5YoQwTcU/9KNCMEAwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUkCW1DdkF
R+eWw5b6cp3PmanfS5YwDgYDVR0PAQH/BAQDAgGGMAoGCCqGSM49BAMDA2kAMGYC
MQCjfy+Rocm9Xue4YnwWmNJVA44fA0P5W2OpYow9OYCVRaEevL8uO1XYru5xtMPW
rfMCMQCi85sWBbJwKKXdS6BptQFuZbT73o/gBh1qUxl/nNr12UO8Yfwr6wPLb+6N
IwLz3/Y=
-----END CERTIFICATE-----
`;

/** Valid 2018-05-21 .. 2049-12-31. */
const INTEL_ROOT_PEM = `
-----BEGIN CERTIFICATE-----
MIICjzCCAjSgAwIBAgIUImUM1lqdNInzg7SVUr9QGzknBqwwCgYIKoZIzj0EAwIw
aDEaMBgGA1UEAwwRSW50ZWwgU0dYIFJvb3QgQ0ExGjAYBgNVBAoMEUludGVsIENv
cnBvcmF0aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJ
BgNVBAYTAlVTMB4XDTE4MDUyMTEwNDUxMFoXDTQ5MTIzMTIzNTk1OVowaDEaMBgG
A1UEAwwRSW50ZWwgU0dYIFJvb3QgQ0ExGjAYBgNVBAoMEUludGVsIENvcnBvcmF0
aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJBgNVBAYT
AlVTMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC6nEwMDIYZOj/iPWsCzaEKi7
1OiOSLRFhWGjbnBVJfVnkY4u3IjkDYYL0MxO4mqsyYjlBalTVYxFP2sJBK5zlKOB
uzCBuDAfBgNVHSMEGDAWgBQiZQzWWp00ifODtJVSv1AbOScGrDBSBgNVHR8ESzBJ
MEegRaBDhkFodHRwczovL2NlcnRpZmljYXRlcy50cnVzdGVkc2VydmljZXMuaW50
ZWwuY29tL0ludGVsU0dYUm9vdENBLmRlcjAdBgNVHQ4EFgQUImUM1lqdNInzg7SV
Ur9QGzknBqwwDgYDVR0PAQH/BAQDAgEGMBIGA1UdEwEB/wQIMAYBAf8CAQEwCgYI
KoZIzj0EAwIDSQAwRgIhAOW/5QkR+S9CiSDcNoowLuPRLsWGf/Yi7GSX94BgwTwg
AiEA4J0lrHoMs+Xo5o/sX6O9QWxHRAvZUGOdRQ7cvqRXaqI=
-----END CERTIFICATE-----
`;

const parsed = new Map<string, TrustStore>();
/** Trust stores remembered; a program has one or two. */
const STORES_MAX = 16;

/** What a policy trusts: the certificates that it brings, else the maker's. A PEM text that cannot be read trusts nothing. */
export function trustStoreOf(policy: AttestationPolicy): TrustStore {
  const pem = policy.platform === "simulated"
    ? policy.insecureSimulatedRoot ?? ""
    : policy.roots ?? builtInPem(policy.platform);
  const known = parsed.get(pem);
  if (known) return known;
  const certificates = structured(() => parsePemCertificates(pem));
  const list = certificates instanceof Malformed ? [] : certificates;
  const store = {
    roots: list.filter(isSelfIssued),
    intermediates: list.filter((certificate) => !isSelfIssued(certificate)),
  };
  if (parsed.size >= STORES_MAX) parsed.delete(parsed.keys().next().value!);
  parsed.set(pem, store);
  return store;
}

function builtInPem(platform: Exclude<Platform, "simulated">): string {
  switch (platform) {
    case "nitro":
      return AWS_NITRO_ROOT_PEM;
    case "snp":
      return AMD_CERTIFICATES_PEM;
    case "tdx":
    case "sgx":
      return INTEL_ROOT_PEM;
    default:
      return platform satisfies never;
  }
}

/** Whether a certificate names itself as its issuer, as roots do. */
export function isSelfIssued(certificate: Certificate): boolean {
  return equalBytes(certificate.issuer, certificate.subject);
}

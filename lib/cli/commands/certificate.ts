/** `fumata certificate`: the certificate that a running node respects, for `fumata verify`; exit code 4 when there is none. */
import { decodeUnverified } from "../../certificate/format.ts";
import type { CertificateDocument } from "../../certificate/mod.ts";
import { FumataError } from "../../base/errors.ts";
import type { Command } from "../command.ts";
import { findNode, NODE_FLAGS, type NodeLink } from "../node_link.ts";
import { JSON_FLAG, printJson } from "../output.ts";

/** The command. */
export const certificateCommand: Command = {
  name: "certificate",
  summary: "print the election certificate that a node respects",
  examples: [
    "fumata certificate > leader.json",
    "fumata certificate --evidence | fumata verify - --package election.zip --policy policy.json",
    "fumata certificate --node 5000",
  ],
  flags: [
    {
      name: "evidence",
      type: "boolean",
      help: "with the enclave's key and evidence: a verifier needs this file and its pins alone",
    },
    JSON_FLAG,
    ...NODE_FLAGS,
  ],
  async run(args, context) {
    const node = findNode(args, context);
    const document = await node.get("/v1/certificate") as CertificateDocument;
    const extras = args.has("evidence") ? await evidenceFor(node, document) : {};
    printJson(context, { ...document, ...extras });
    return 0;
  },
};

async function evidenceFor(node: NodeLink, { certificate }: CertificateDocument): Promise<object> {
  const decoded = decodeUnverified(certificate);
  if (typeof decoded !== "string") {
    return await node.get(`/v1/attestation?kid=${decoded.kid}`) as object;
  }
  throw new FumataError("refused", `Cannot use the certificate of ${node.http}: ${decoded}`);
}

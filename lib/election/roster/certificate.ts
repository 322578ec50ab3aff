/** A verified certificate as the roster core takes it. */
import type { VerifiedCertificate } from "../../certificate/types.ts";
import type { RosterCertificate } from "./types.ts";

/** The certificate with its proposal, or `undefined` when it is of an open cluster. */
export function rosterCertificate(certificate: VerifiedCertificate): RosterCertificate | undefined {
  const { id, term, prev, kid, digest, leader, active, roster, document } = certificate;
  switch (roster?.kind) {
    case undefined:
      return undefined;
    case "closing": {
      const { successor } = roster;
      return { id, proposal: { type: "closing", term, prev, kid, successor }, digest, document };
    }
    case "election": {
      const { incumbent, tenure } = roster;
      const held = incumbent === "" ? {} : { incumbent };
      const proposal = { type: "leader", term, prev, kid, active, ...held, tenure } as const;
      return { id, proposal, digest, leader, document };
    }
  }
}

/**
 * The lie that the demo shows: a voter that signs a second vote in every term in which it votes, for a proposal that does not exist. Two votes
 * of one voter in one term are proof of a lie by themselves (design §4.10), whoever sees them.
 *
 * It keeps from its own core what the others tell of that: an honest core stops for good when its key signed what it did not.
 */
import { type Domain, voteMessage } from "../../../function/leader-election/rules.ts";
import { base64url, utf8 } from "../../base/bytes.ts";
import type { Vote } from "../../certificate/types.ts";
import { sha256 } from "../../crypto/digest.ts";
import type { Identity } from "../../crypto/ed25519.ts";
import type { RosterMessage } from "../../election/roster/types.ts";
import type { Middleman } from "../../node/middleman.ts";

/** What makes a voter with this key a double voter. */
export function doubleVoter(identity: Identity, domain: Domain): Middleman {
  const ownKey = base64url(identity.publicKey);
  /** For a digest that nobody proposed: a hash of something that only this voter has signed. */
  const second = (term: number, { signature: first }: Vote): RosterMessage => {
    const other = sha256(utf8(first));
    const signature = base64url(identity.sign(voteMessage(domain, term, other)));
    return { kind: "vote", term, digest: base64url(other), vote: { key: ownKey, signature } };
  };
  return {
    sends(message) {
      switch (message.kind) {
        case "vote":
          return [message, second(message.term, message.vote)];
        // The collector's own vote comes with its proposal.
        case "proposal":
          return [message, second(message.proposal.term, message.vote)];
        default:
          return [message];
      }
    },
    hears: (message) => message.kind !== "evidence" || message.votes[0].vote.key !== ownKey,
  };
}

/**
 * Who stands between a voter and the wire, where somebody does: the election's core decides and signs as always, and the middleman lets something
 * else, more, or nothing of it out, and keeps from it what it is not to hear. This is how liars are made of honest voters, for the demo
 * and for the tests of what the others do about them; and how a test loses single messages.
 */
import type { RosterMessage } from "../election/roster/types.ts";
import type { NodeId } from "../membership/types.ts";

/** The middleman. */
export interface Middleman {
  /** What is sent in place of a message; itself to send it as it is. */
  sends(message: RosterMessage, to: NodeId): readonly RosterMessage[];
  /** Whether the voter is to hear it; its signatures are verified, a certificate's are not yet. */
  hears(message: RosterMessage, from: NodeId): boolean;
}

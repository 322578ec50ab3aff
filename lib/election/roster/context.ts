/** What the parts of one machine share: who it is, the rules, and the list of effects of the present step. */
import type { NodeId } from "../../membership/types.ts";
import type { RosterSettings } from "./settings.ts";
import type {
  Roster,
  RosterEffect,
  RosterMemory,
  RosterMessage,
  RosterNote,
  RosterRules,
} from "./types.ts";

/** The shared things of one node. */
export class Context {
  /** The roster without this node. */
  readonly others: readonly NodeId[];
  #effects: RosterEffect[] = [];

  constructor(
    readonly self: NodeId,
    readonly roster: Roster,
    readonly rules: RosterRules,
    readonly settings: RosterSettings,
  ) {
    this.others = roster.voters.map((voter) => voter.id).filter((id) => id !== self);
  }

  /** Adds an effect. */
  emit(effect: RosterEffect): void {
    this.#effects.push(effect);
  }

  /** To be on disk before anything that is emitted after it is carried out. */
  persist(change: Partial<RosterMemory>): void {
    this.emit({ type: "persist", change });
  }

  /** Sends to some members. */
  send(to: readonly NodeId[], message: RosterMessage): void {
    if (to.length > 0) this.emit({ type: "send", to, message });
  }

  /** Says something for the log. */
  note(note: RosterNote): void {
    this.emit({ type: "note", note });
  }

  /** The effects since the last call, in order. */
  takeEffects(): RosterEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }
}

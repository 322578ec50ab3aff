/** What a node prints, as changes of the model: the one place that knows the names and fields of a node's log events. */
import { FumataError } from "../../base/errors.ts";
import type { DemoModel } from "./model.ts";
import type { LogRecord } from "./process.ts";
import type { Witness } from "./witness.ts";

/**
 * Applies one record. Throws a {@linkcode FumataError} `refused` when the node respects a certificate that does not verify or is another
 * than it says.
 */
export function applyNodeRecord(
  model: DemoModel,
  witness: Witness,
  name: string,
  record: LogRecord,
  nowMs: number,
): void {
  const { event, fields } = record;
  switch (event) {
    case "started":
      return model.started(name, text(fields.id), text(fields.address), nowMs);
    case "leader": {
      const respected = witness.verify(fields.document);
      if (typeof respected === "string") {
        throw refused(name, `it does not verify: ${respected}`);
      }
      if (respected.certificateId !== fields.certificateId) {
        throw refused(
          name,
          `its id is ${respected.certificateId}, the node says ${fields.certificateId}`,
        );
      }
      return model.respects(name, respected, nowMs);
    }
    case "leaderless":
      return model.respects(name, undefined, nowMs);
    case "http":
      return model.serves(name, text(fields.address));
    case "lease-held":
      return model.leaseHeld(name, Number(fields.term), Number(fields.remainingMs), nowMs);
    case "lease-lost":
      model.note(`${name}: ${record.message}`, nowMs, "gone");
      return model.leaseLost(name, nowMs);
    case "fork-evidence": {
      const lie = witness.verifyLie(fields.evidence);
      if (typeof lie === "string") throw unproven(name, lie);
      return model.caught(name, lie.liar, lie.term, nowMs);
    }
    case "election-leader-silent":
      return model.note(`${name} hears nothing of the leader any more`, nowMs, "gone");
    case "member-reap":
      return model.sees(name, text(fields.id), undefined, nowMs);
    case "election-proposed":
      return model.note(`${name} collects votes for term ${fields.term}`, nowMs, "gone");
    case "election-gave-up":
      return model.note(`${name} gives up term ${fields.term}`, nowMs, "gone");
    case "election-delegated":
      return model.note(`${name} asks others to call the enclave`, nowMs, "gone");
  }
  if (event.startsWith("member-")) {
    return model.sees(name, text(fields.id), text(fields.state), nowMs);
  }
  if (record.level === "warn" || record.level === "error") {
    const mood = record.level === "warn" ? "warning" : "bad";
    model.note(`${name}: ${record.message}`, nowMs, mood);
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function refused(name: string, why: string): FumataError {
  return new FumataError("refused", `Cannot trust the certificate that ${name} respects: ${why}`);
}

function unproven(name: string, why: string): FumataError {
  return new FumataError("refused", `Cannot trust the proof of a lie that ${name} shows: ${why}`);
}

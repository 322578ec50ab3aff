/** What the demo has shown, as a table for people and as JSON for programs. */
import { seconds } from "../view/render.ts";
import type { Launched } from "./cluster.ts";
import type { DemoModel } from "./model.ts";

/** The summary as a table, with a line on what it proves. */
export function summaryText(model: DemoModel): string {
  if (model.steps.length === 0) return "\nended before the first election\n";
  const rows = [
    ["step", "term", "leader", "took", "verified", "votes"],
    ...model.steps.map((step) => [
      step.what,
      String(step.term),
      step.leader,
      seconds(step.tookMs),
      step.verified ? "yes" : "NO",
      `${step.votes} of ${step.votesOf}`,
    ]),
  ];
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const rightAligned = [false, true, false, true, false, false];
  const lines = rows.map((row) =>
    row.map((text, i) => rightAligned[i] ? text.padStart(widths[i]) : text.padEnd(widths[i]))
      .join("  ").trimEnd()
  );
  return [
    "",
    ...lines,
    "",
    "took: from the event until every live node respects the new certificate",
    "verified: by the demo itself, under the key that it attested and pinned",
    ...electorateLines(model),
    ...(model.tee === "simulated"
      ? ["insecure: the TEE is simulated, which shows how it works and protects nothing"]
      : []),
    "",
  ].join("\n");
}

function electorateLines({ electorate, lies, nodes }: DemoModel): string[] {
  if (!electorate) return [];
  const { voters, faultBound, votesNeeded, leaseMs } = electorate;
  return [
    `roster: ${voters} voters, ${faultBound} may lie or fail; ${votesNeeded} votes elect, leases of ${
      seconds(leaseMs)
    }`,
    ...lies.map(({ liar, term }) => {
      const holders = [...nodes.get(liar)?.provenBy ?? []].toSorted().join(", ");
      return `liar: ${liar} voted twice in term ${term}; ${holders} hold its two signatures`;
    }),
  ];
}

/** The summary as one JSON document. */
export function summaryJson(model: DemoModel, launched: Launched): string {
  const summary = {
    function: { id: launched.functionId, checksum: launched.functionChecksum },
    tee: launched.witness.tee,
    policy: launched.witness.policy,
    kid: launched.witness.kid,
    ...(model.electorate && {
      roster: {
        voters: model.electorate.voters,
        fault_bound: model.electorate.faultBound,
        votes_needed: model.electorate.votesNeeded,
        lease_ms: model.electorate.leaseMs,
      },
      lies: model.lies.map(({ liar, term }) => ({
        liar,
        term,
        proven_by: [...model.nodes.get(liar)?.provenBy ?? []],
      })),
    }),
    steps: model.steps.map((step) => ({
      step: step.what,
      term: step.term,
      leader: { id: step.leaderId, name: step.leader },
      took_ms: Math.round(step.tookMs),
      verified: step.verified,
      votes: step.votes,
      active: step.votesOf,
      certificate_id: step.certificateId,
    })),
  };
  return JSON.stringify(summary, null, 2) + "\n";
}

/** What a mutant is: a rule of the design, and the smallest change of one file that takes it away. */

/** Where a mutant lives, which decides the tests that are tried on it. */
export type Area =
  | "roster"
  | "open"
  | "certificate"
  | "function"
  | "wire"
  | "membership"
  | "node"
  | "crypto";

/** One deliberate breakage. */
export interface Mutant {
  /** Short, unique, for the command line and the table. */
  readonly id: string;
  readonly area: Area;
  /** The rule that is taken away, as design.md or the code states it. */
  readonly rule: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** Makes the mutants of one file from rows of [id, rule, find, replace]. */
export function mutantsOf(
  area: Area,
  file: string,
  rows: readonly (readonly [id: string, rule: string, find: string, replace: string])[],
): Mutant[] {
  return rows.map(([id, rule, find, replace]) => ({ id, area, rule, file, find, replace }));
}

/** Tests of an area: those named for its rules, then everything else that runs the same code, the random and the exhaustive searches last. */
export const SUITES: Readonly<Record<Area, readonly (readonly string[])[]>> = {
  roster: [
    [
      "tests/election/roster/vote_test.ts",
      "tests/election/roster/lease_test.ts",
      "tests/election/roster/term_test.ts",
      "tests/election/roster/step_down_test.ts",
      "tests/election/roster/succession_test.ts",
      "tests/election/roster/evidence_test.ts",
      "tests/election/roster/single_checks_test.ts",
      "tests/election/roster/stale_state_test.ts",
      "tests/election/roster/collecting_test.ts",
    ],
    ["tests/mutants/lease_search_test.ts"],
    [
      "tests/election/roster/closing_search_test.ts",
      "tests/election/roster/crash_test.ts",
      "tests/election/roster/election_test.ts",
      "tests/election/roster/simulation_test.ts",
    ],
  ],
  open: [
    [
      "tests/election/open_voting_test.ts",
      "tests/election/open_election_test.ts",
      "tests/election/open_terms_test.ts",
      "tests/election/open_view_test.ts",
      "tests/election/open_stale_state_test.ts",
    ],
    ["tests/node/open_replica_test.ts"],
    ["tests/sim/simulate_test.ts"],
  ],
  certificate: [
    [
      "tests/certificate/roster_verify_test.ts",
      "tests/certificate/verify_test.ts",
      "tests/certificate/audit_test.ts",
    ],
    ["tests/certificate/standalone_test.ts", "tests/certificate/roster_commands_test.ts"],
    ["tests/certificate", "tests/api"],
  ],
  function: [
    [
      "tests/function/roster_elect_test.ts",
      "tests/function/roster_rules_test.ts",
      "tests/function/rules_test.ts",
      "tests/function/elect_test.ts",
      "tests/function/cluster_config_test.ts",
    ],
    ["tests/certificate/vectors_test.ts"],
    ["tests/function", "tests/certificate"],
  ],
  wire: [["tests/wire"]],
  membership: [
    [
      "tests/membership/liars_test.ts",
      "tests/membership/roster_test.ts",
      "tests/membership/probe_test.ts",
      "tests/membership/answers_test.ts",
      "tests/membership/schedules_test.ts",
      "tests/membership/broadcast_queue_test.ts",
    ],
    ["tests/membership"],
  ],
  node: [[
    "tests/node/state_store_test.ts",
    "tests/node/roster_memory_test.ts",
    "tests/node/mailbox_test.ts",
  ], [
    "tests/node/certificate_desk_test.ts",
    "tests/node/certificate_door_test.ts",
    "tests/node/chain_test.ts",
    "tests/node/courts_test.ts",
    "tests/node/election_answer_test.ts",
    "tests/node/enclave_link_test.ts",
    "tests/node/gossip_test.ts",
    "tests/node/key_exchange_test.ts",
    "tests/node/known_keys_test.ts",
    "tests/node/roster_voter_test.ts",
    "tests/node/source_limit_test.ts",
    "tests/node/step_runner_test.ts",
    "tests/node/succession_test.ts",
    "tests/lock/sub_lease_desk_test.ts",
  ], [
    "tests/node/roster_node_test.ts",
    "tests/api/succession_test.ts",
  ], [
    "tests/node/closing_test.ts",
    "tests/node/enclave_hosts_test.ts",
  ]],
  crypto: [["tests/crypto"]],
};

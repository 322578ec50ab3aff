/** The simulator: the shipping cores under every fault, in virtual time, from one seed. */
export { diagramOf } from "./diagram.ts";
export { type Mix, MIXES } from "./fault_schedule.ts";
export { type Fault, faultText, type Lie, LIES, type ScheduledFault } from "./faults.ts";
export { replayCommand, scheduleText } from "./replay.ts";
export { shrink, type Shrunk } from "./shrink.ts";
export {
  CLUSTER_KINDS,
  type ClusterKind,
  simulate,
  type SimulationOptions,
  type SimulationResult,
} from "./simulate.ts";
export { addRun, addTally, areDrawsFair, EMPTY_TALLY, type Tally, tallyText } from "./tally.ts";
export { entryText, type TraceEntry } from "./trace.ts";
export { runScenario, type ScenarioResult } from "./scenario.ts";
export { parseScenario, type ScenarioFile, withTranscript } from "./scenario_words.ts";

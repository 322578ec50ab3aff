/** The simulator: the shipping cores under every fault, in virtual time, from one seed. */
export { type Mix, MIXES } from "./fault_schedule.ts";
export { type Fault, faultText, type Lie, LIES, type ScheduledFault } from "./faults.ts";
export { simulate, type SimulationOptions, type SimulationResult } from "./simulate.ts";
export { entryText, type TraceEntry } from "./trace.ts";

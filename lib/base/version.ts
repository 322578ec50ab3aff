/** The program's version, from the one place that states it. It enters the measurements of the simulated TEE. */
import config from "../../deno.json" with { type: "json" };

/** Such as `0.1.0`. */
export const VERSION: string = config.version;

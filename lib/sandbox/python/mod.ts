/** Functions in Python. */
export { PYTHON_LIMITS, type PythonLimits } from "./limits.ts";
export { PYTHON_ENTRY, type PythonOptions, PythonSandbox } from "./python_sandbox.ts";

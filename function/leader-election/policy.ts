/** How this package draws leaders: `policy.json`, so that the checksum pins it. */
import { enclaveHost } from "./host.ts";
import { isObject } from "./fields.ts";
import { POLICIES, type Policy } from "./rules.ts";

const POLICY_FILE = "policy.json";

/** The policy of this package. Throws an `Error` when the file is missing or says anything unknown. */
export function packagePolicy(): Policy {
  const refuse = (why: string): never => {
    throw new Error(`Cannot read ${POLICY_FILE} of the package: ${why}`);
  };
  const enclave = enclaveHost();
  if (!enclave.hasFile(POLICY_FILE)) return refuse("there is no such file");
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(enclave.readFile(POLICY_FILE)));
  } catch {
    return refuse("it is not JSON");
  }
  if (!isObject(value) || Object.keys(value).join() !== "policy") {
    return refuse('an object with the one field "policy" is wanted');
  }
  const policy = POLICIES.find((known) => known === value.policy);
  return policy ?? refuse(`the policy is none of ${POLICIES.join(", ")}`);
}

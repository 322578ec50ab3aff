/** A host's data folder that has an account key already: making one takes a core for seconds, on a busy machine for minutes. */
import { utf8 } from "../../lib/base/bytes.ts";
import { VERSION } from "../../lib/base/version.ts";
import { DataFolder } from "../../lib/enclave/host/data_folder.ts";
import { SealedFolder } from "../../lib/enclave/host/sealed_folder.ts";
import { openTee } from "../../lib/tee/mod.ts";
import { TEST_ACCOUNT_KEY } from "./_account_key.ts";

/** Makes the folder as a first start of `fumata enclave` leaves it, with the key of the tests. */
export async function seedHost(dataDir: string): Promise<void> {
  using folder = DataFolder.open(dataDir);
  const tee = await openTee("simulated", { dataFolder: dataDir, version: VERSION });
  const sealed = await SealedFolder.open(folder, tee, () => {});
  sealed.write("keys/account", utf8(TEST_ACCOUNT_KEY));
}

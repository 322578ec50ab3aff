/** The lock of a host's data folder. */
import { throws } from "node:assert";
import { DataFolder } from "../../lib/enclave/host/data_folder.ts";

/** Programs that are started meanwhile; a lock that outlives its folder shows among the first few. */
const PROGRAMS = 100;

Deno.test("a folder is free as soon as it is closed, whatever is being started in the process", async () => {
  const path = await Deno.makeTempDir();
  const starter = new Worker(new URL("_starter.ts", import.meta.url), { type: "module" });
  let isDone = false;
  starter.onmessage = () => void (isDone = true);
  try {
    starter.postMessage(PROGRAMS);
    while (!isDone) {
      // Nobody has it any more when it is opened again at once.
      for (let i = 0; i < 20; i++) DataFolder.open(path)[Symbol.dispose]();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    using _open = DataFolder.open(path);
    throws(() => DataFolder.open(path), /another enclave host is running in it/);
  } finally {
    starter.terminate();
    await Deno.remove(path, { recursive: true });
  }
});

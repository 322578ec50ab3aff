/** The mark by which a child knows that it runs in a demo: a file in the demo's folder that names the process of the demo, which is its parent. */
import { dirname } from "node:path";

const FILE_NAME = "demo.pid";

/** Marks a folder as that of the demo in this process. */
export async function markDemoFolder(folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/${FILE_NAME}`, String(Deno.pid));
}

/** Whether a state folder is one of the demo that started this process. */
export function isDemoFolder(stateFolder: string): boolean {
  try {
    return Deno.readTextFileSync(`${dirname(stateFolder)}/${FILE_NAME}`) === String(Deno.ppid);
  } catch {
    return false;
  }
}

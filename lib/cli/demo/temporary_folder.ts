/** The one folder of the demo: everything that it writes is in there, and it is gone afterwards, however the demo ends. */
import { FumataError, messageOf } from "../../base/errors.ts";

/** The folder; disposing of it removes it. */
export class TemporaryFolder implements AsyncDisposable {
  readonly path: string;
  readonly #onUnload = () => this.#removeNow();

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes it. Throws a {@linkcode FumataError} when there is no room for it. */
  static async make(): Promise<TemporaryFolder> {
    try {
      return new TemporaryFolder(await Deno.makeTempDir({ prefix: "fumata-demo-" }));
    } catch (thrown) {
      throw new FumataError(
        "failure",
        `Cannot make a temporary folder: ${messageOf(thrown)}; name a folder to use in TMPDIR`,
      );
    }
  }

  /** Removes it also when the program ends at once. To be called when whoever writes into it has said the same of itself: first come, first ended. */
  removeOnUnload(): void {
    globalThis.addEventListener("unload", this.#onUnload);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
    globalThis.removeEventListener("unload", this.#onUnload);
  }

  #removeNow(): void {
    try {
      Deno.removeSync(this.path, { recursive: true });
    } catch { /* the program is ending; nobody is left to tell */ }
  }
}

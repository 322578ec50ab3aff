/**
 * The one sandbox of a host: looks at what a package is written in and hands it to the sandbox of that language. `app.py` makes a Python
 * function, a process of its own; everything else runs in QuickJS.
 */
import type { Isolation } from "../attestation/types.ts";
import type { FunctionPackage } from "../package/types.ts";
import { PYTHON_ENTRY, type PythonOptions, PythonSandbox } from "./python/mod.ts";
import {
  createSandbox as createQuickjsSandbox,
  type SandboxOptions as QuickjsOptions,
} from "./sandbox.ts";
import { entryModule } from "./modules.ts";
import type {
  FunctionKeys,
  LanguageSandbox,
  Sandbox,
  SandboxLimits,
  SandboxSession,
} from "./types.ts";

/** Settings of a sandbox. */
export interface SandboxOptions extends QuickjsOptions {
  readonly python?: PythonOptions;
}

/** Makes a sandbox; workers and processes start when they are needed. Limits that are not given have their defaults. */
export function createSandbox(
  limits: Partial<SandboxLimits> = {},
  options: SandboxOptions = {},
): Sandbox {
  return new EverySandbox(
    createQuickjsSandbox(limits, options),
    new PythonSandbox(limits, options.python),
  );
}

class EverySandbox implements Sandbox {
  readonly #quickjs: LanguageSandbox;
  readonly #python: PythonSandbox;

  constructor(
    quickjs: LanguageSandbox,
    python: PythonSandbox,
  ) {
    this.#quickjs = quickjs;
    this.#python = python;
  }

  open(
    functionPackage: FunctionPackage,
    keys: FunctionKeys,
    tee: string,
    share?: string,
  ): Promise<SandboxSession> {
    return isPython(functionPackage)
      ? this.#python.open(functionPackage, share)
      : this.#quickjs.open(functionPackage, keys, tee);
  }

  async fault(functionPackage: FunctionPackage): Promise<string | undefined> {
    if (isPython(functionPackage)) return await this.#python.fault(functionPackage);
    return entryModule(functionPackage.files)
      ? undefined
      : `the package "${functionPackage.folder}" has no app.ts, app.js or app.py`;
  }

  async describe(functionPackage: FunctionPackage): Promise<string> {
    return isPython(functionPackage)
      ? (await this.#python.describe()).text
      : "javascript, quickjs in webassembly";
  }

  async isolation(functionPackage: FunctionPackage): Promise<Isolation | undefined> {
    return isPython(functionPackage) ? await this.#python.isolation() : "quickjs";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([
      this.#quickjs[Symbol.asyncDispose](),
      this.#python[Symbol.asyncDispose](),
    ]);
  }
}

function isPython(functionPackage: FunctionPackage): boolean {
  return functionPackage.files.has(PYTHON_ENTRY);
}

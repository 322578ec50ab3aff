/**
 * The language of scenario files: one step a line, words with spaces between them, `#` begins a comment. Roles can be named when they are known:
 * `let old = leader`.
 *
 * | line | what |
 * |---|---|
 * | `cluster 4 1` | voters and liars allowed; `open 4` for an open cluster |
 * | `seed N`, `lease MS`, `drift PPM`, `enclaves N` | before the first step |
 * | `start [NODE …]` | starts these nodes, or all that are down |
 * | `advance MS` | lets time pass |
 * | `until lease [NODE]`, `until leader NODE`, `until term N` | lets time pass until that is so, at most 60 s |
 * | `let NAME = leader`, `collector`, `follower`, `NODE` | names a role as it is now; the follower is the first node that does neither |
 * | `cut NODE … \| NODE …` | two sides do not hear each other |
 * | `cut NODE -> NODE` | one way |
 * | `heal` | the network is whole again |
 * | `drop KIND [from NODE] [to NODE]`, `hold …` | messages of a kind are lost, or kept |
 * | `pass KIND` | no more; what was kept goes on |
 * | `replay N` | recorded messages come again |
 * | `crash NODE`, `restart NODE`, `pause NODE MS`, `suspend NODE MS`, `jump NODE MS` | processes and clocks |
 * | `slow-disk NODE MS`, `full-disk NODE`, `free-disk NODE`, `forget NODE` | disks |
 * | `enclave [N] MOOD`, `rekey [N]`, `no-enclave NODE`, `reach-enclave NODE` | enclaves |
 * | `liar NODE LIE` | a node lies from now on |
 * | `hush MS [MS]` | the next collector and the leader do not hear each other; the others start anew after the second time |
 * | `step-down` | somebody asks the leader to |
 * | `expect lease NODE`, `expect no lease`, `expect term N`, `expect leader NODE of NODE`, `expect leader nobody of NODE` | what must be so |
 * | `expect NODE sees NODE STATE`, `expect note NODE WORD`, `expect no note NODE WORD` | in a view; in what a node noted since the start |
 *
 * A transcript follows after the line `---`: every step with what it led to. A file whose run gives another transcript fails.
 */

import { FumataError } from "../base/errors.ts";

/** One line of a scenario. */
export interface ScenarioLine {
  /** Counted from 1, as editors do. */
  readonly number: number;
  readonly text: string;
  readonly words: readonly string[];
}

/** A file. */
export interface ScenarioFile {
  /** The comment at its beginning: what it shows, and which rule. */
  readonly title: string;
  readonly lines: readonly ScenarioLine[];
  /** What is expected to happen; empty when it was not written yet. */
  readonly transcript: string;
  /** All that stands before the transcript. */
  readonly source: string;
}

const TRANSCRIPT_MARK = "\n---\n";

/** Reads a file. */
export function parseScenario(text: string): ScenarioFile {
  const mark = text.indexOf(TRANSCRIPT_MARK);
  const source = mark < 0 ? text.trimEnd() + "\n" : text.slice(0, mark + 1);
  const transcript = mark < 0 ? "" : text.slice(mark + TRANSCRIPT_MARK.length);
  const lines = source.split("\n").flatMap((line, i) => {
    const said = line.replace(/#.*/, "").trim();
    return said === "" ? [] : [{ number: i + 1, text: said, words: said.split(/\s+/) }];
  });
  const title = source.split("\n").filter((line) => line.startsWith("#"))
    .map((line) => line.replace(/^#\s*/, "")).join(" ");
  return { title, lines, transcript, source };
}

/** The file with another transcript. */
export function withTranscript(file: ScenarioFile, transcript: string): string {
  return `${file.source.trimEnd()}${TRANSCRIPT_MARK}${transcript}`;
}

/** The word, when it is one of these. Throws a `usage` error. */
export function oneOf(choices: readonly string[], word: string, line: ScenarioLine): string {
  return choices.includes(word) ? word : wrong(line);
}

/** Reads the words of a line that are whole numbers, by their place and the range that they may have. It throws a `usage` error. */
export function numbersOf(
  { number, text, words }: ScenarioLine,
): (at: number, from: number, to: number, otherwise?: number) => number {
  return (at, from, to, otherwise) => {
    const word = words[at];
    if (word === undefined && otherwise !== undefined) return otherwise;
    const value = /^-?[0-9]{1,16}$/.test(word ?? "") ? Number(word) : NaN;
    if (value >= from && value <= to) return value;
    throw new FumataError(
      "usage",
      `Cannot run line ${number} of the scenario "${text}": word ${
        at + 1
      } has to be a number of ${from}..${to}`,
    );
  };
}

/** A line that says nothing known. */
export function wrong(line: ScenarioLine): never {
  throw new FumataError(
    "usage",
    `Cannot run line ${line.number} of the scenario "${line.text}": it is no step that is known, or names nobody`,
  );
}

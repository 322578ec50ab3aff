/** A stream of bytes as lines of text; what is not UTF-8 is replaced, and a line has a greatest length. */

/** The longest line that is kept, in UTF-16 units; a certificate with its bundle takes about 100 KB. */
export const LINE_CHARACTERS_MAX = 1_000_000;

/** Tells each line without its end; the rest of a longer line is dropped. Resolves when the stream ends. */
export async function eachLine(
  stream: ReadableStream<Uint8Array>,
  tell: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const parts = decoder.decode(bytes, { stream: true }).split("\n");
    parts[0] = rest + parts[0];
    rest = parts.pop()!.slice(0, LINE_CHARACTERS_MAX);
    for (const part of parts) tell(part.slice(0, LINE_CHARACTERS_MAX));
  }
  if (rest !== "") tell(rest);
}

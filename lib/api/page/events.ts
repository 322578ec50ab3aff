/**
 * The node's events, read from its stream (HTML standard, section 9.2) and taken up again where it broke off. Not `EventSource`: that one
 * hears only events whose names it was told, and the page wants them all.
 */

/** One event as the page shows it. */
export interface PageEvent {
  readonly id: number;
  readonly level: string;
  readonly event: string;
  readonly message: string;
  readonly time: string;
}

/** How long after a broken stream it is tried again, ms. */
const RETRY_MS = 1_000;
/** An event longer than this is none of a node's. */
const LINE_CHARACTERS_MAX = 4 * 1024 * 1024;

/** Calls for each event for as long as the page is there; `link` hears whether the stream stands. */
export async function follow(
  after: number,
  on: (event: PageEvent) => void,
  link: (isLive: boolean) => void,
): Promise<never> {
  for (let last = after;;) {
    try {
      const response = await fetch(`/v1/events?after=${last}`);
      if (response.status === 200 && response.body) {
        link(true);
        await read(response.body, (event) => {
          last = event.id;
          on(event);
        });
      } else await response.body?.cancel();
    } catch {
      // A node that is gone, or a network: tried again below.
    }
    link(false);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

async function read(
  body: ReadableStream<Uint8Array>,
  on: (event: PageEvent) => void,
): Promise<void> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let id = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done || rest.length > LINE_CHARACTERS_MAX) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (line.startsWith("id: ")) id = Number(line.slice(4));
      if (line.startsWith("data: ")) on({ ...JSON.parse(line.slice(6)), id });
    }
  }
}

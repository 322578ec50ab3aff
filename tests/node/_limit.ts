/** Limits for waits: what never comes fails a test with the name of what was awaited and what the nodes said last, in place of hanging. */
import type { TestNode } from "./_cluster.ts";

/** The longest that anything awaited may take, ms: elections take a tenth of a second, and a machine under load a thousand times as long. */
const WAIT_MS_MAX = 120_000;

/** Lines of each node that are told. */
const LINES_TOLD = 6;

/** Waits for something that these nodes are to bring about. Throws when it does not come in time. */
export async function limited<T>(
  awaited: string,
  nodes: readonly TestNode[],
  waiting: Promise<T>,
): Promise<T> {
  const over = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const seconds = WAIT_MS_MAX / 1000;
    over.reject(new Error(`${awaited} did not come in ${seconds} s\n${lastLines(nodes)}`));
  }, WAIT_MS_MAX);
  try {
    return await Promise.race([waiting, over.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function lastLines(nodes: readonly TestNode[]): string {
  return nodes.map(({ node, listener }) => {
    const lines = listener.said.slice(-LINES_TOLD).map(({ event, message }) =>
      `  ${event}: ${message}`
    );
    return [`${node.name} said last:`, ...lines].join("\n");
  }).join("\n");
}

/** `fumata leader`: whom a running node respects as the leader; exit code 4 when there is none. `--watch` goes on with each change. */
import type { LeaderView } from "../../api/views.ts";
import { EXIT_CODES, FumataError } from "../../base/errors.ts";
import { plainJson } from "../../base/plain_text.ts";
import type { Arguments, Command, CommandContext } from "../command.ts";
import { openEvents, type StreamedEvent } from "../event_stream.ts";
import { findNode, NODE_FLAGS, type NodeLink } from "../node_link.ts";
import {
  type Facts,
  formatter,
  JSON_FLAG,
  OUTPUT_FLAG,
  print,
  printText,
  wantsJson,
} from "../output.ts";
import { formatFlag } from "../template.ts";
import { type Line, piece } from "../view/paint.ts";

/** What `--format` knows of a leader. */
const FACTS: Facts<LeaderView> = {
  name: (leader) => leader.name,
  id: (leader) => leader.id,
  term: (leader) => String(leader.term),
  certificate: (leader) => leader.certificateId,
  kind: (leader) => leader.kind,
  tee: (leader) => leader.tee,
  self: (leader) => String(leader.self),
  leads: (leader) => String(leader.leads),
  lease: (leader) => `${leader.leaseRemainingMs} ms`,
};

/** The command. */
export const leaderCommand: Command = {
  name: "leader",
  summary: "show the leader that a node respects",
  examples: [
    "fumata leader",
    "fumata leader --node 5000 --json",
    "fumata leader --watch",
    "fumata leader --format '{name} {term}'",
  ],
  flags: [
    {
      name: "watch",
      type: "boolean",
      help: "go on with a line on each change, until the node stops; JSON is one line each",
    },
    formatFlag(Object.keys(FACTS)),
    OUTPUT_FLAG,
    JSON_FLAG,
    ...NODE_FLAGS,
  ],
  async run(args, context) {
    const format = formatter(args, FACTS);
    if (format && args.has("watch")) {
      throw new FumataError("usage", "Cannot use --format with --watch: it has JSON instead");
    }
    const link = findNode(args, context);
    if (args.has("watch")) return await watch(link, args, context);
    const leader = await link.get("/v1/leader") as LeaderView;
    print(
      args,
      context,
      leader,
      () => format ? format(leader) : [[...words(leader), piece(left(leader))]],
    );
    return 0;
  },
};

/** Who leads, as far as a line tells it; `null` while nobody does. */
type Watched =
  | Pick<LeaderView, "id" | "name" | "term" | "certificateId" | "self" | "tee" | "leads">
  | null;

async function watch(link: NodeLink, args: Arguments, context: CommandContext): Promise<number> {
  const stop = new AbortController();
  context.interrupted.then(() => stop.abort());
  const events = await openEvents(link.http, stop.signal);
  // After the stream has begun: a change in between is in it.
  let current = await present(link);
  const isJson = wantsJson(args);
  const tell = () =>
    isJson
      ? context.out(plainJson({ leader: current }) + "\n")
      : printText(context, [words(current)]);
  tell();
  for await (const event of events) {
    const next = after(current, event);
    if (isSame(current, next)) continue;
    current = next;
    tell();
  }
  return stop.signal.aborted ? 0 : EXIT_CODES.unreachable;
}

async function present(link: NodeLink): Promise<Watched> {
  try {
    return watched(await link.get("/v1/leader") as LeaderView);
  } catch (thrown) {
    if (thrown instanceof FumataError && thrown.code === "no-leader") return null;
    throw thrown;
  }
}

/** What an event of the node's log makes of it. */
function after(current: Watched, { event, data }: StreamedEvent): Watched {
  switch (event) {
    case "leader": {
      const { leader, name, term, certificateId, self, tee } = data;
      const view = { id: leader, name, term, certificateId, self, tee, leads: false } as Watched;
      return view?.certificateId === current?.certificateId ? current : view;
    }
    case "leaderless":
      return null;
    case "lease-held":
      return current && current.term === data.term ? { ...current, leads: true } : current;
    case "lease-lost":
      return current && { ...current, leads: false };
    default:
      return current;
  }
}

function isSame(a: Watched, b: Watched): boolean {
  return a?.certificateId === b?.certificateId && a?.leads === b?.leads;
}

/** How long the lease lasts, where this node is the one to know. */
function left({ leads, leaseRemainingMs }: LeaderView): string {
  return leads ? ` for ${leaseRemainingMs} ms unless renewed` : "";
}

function watched({ id, name, term, certificateId, self, tee, leads }: LeaderView): Watched {
  return { id, name, term, certificateId, self, tee, leads };
}

function words(leader: Watched): Line {
  if (!leader) return [piece("no leader", "warning")];
  return [
    piece(leader.name, "strong"),
    piece(`${leader.self ? " (the node itself)" : ""}, term ${leader.term}, id ${leader.id}, by `),
    leader.tee === "simulated" ? piece("simulated TEE (insecure)", "warning") : piece(leader.tee),
    ...(leader.leads ? [piece(", "), piece("holds the lease", "good")] : []),
  ];
}

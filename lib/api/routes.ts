/** The table of a node's HTTP interface. A route is added by an entry in a file of `routes/` and a line here; its `doc` describes it. */
import { openApiRoute } from "./openapi.ts";
import { CHAIN_ROUTES } from "./routes/chain.ts";
import { ELECTION_ROUTES } from "./routes/election.ts";
import { EVENT_ROUTES } from "./routes/events.ts";
import { KEY_ROUTES } from "./routes/keys.ts";
import { LEADERSHIP_ROUTES } from "./routes/leadership.ts";
import { MEMBER_ROUTES } from "./routes/members.ts";
import { OBSERVE_ROUTES } from "./routes/observe.ts";
import { PAGE_ROUTES } from "./routes/page.ts";
import { STATUS_ROUTES } from "./routes/status.ts";
import { SUB_LEASE_ROUTES } from "./routes/sub_leases.ts";
import { SUCCESSION_ROUTES } from "./routes/succession.ts";
import type { Route } from "./types.ts";

/** All routes. */
export const ROUTES: readonly Route[] = [
  ...MEMBER_ROUTES,
  ...ELECTION_ROUTES,
  ...CHAIN_ROUTES,
  ...LEADERSHIP_ROUTES,
  ...SUB_LEASE_ROUTES,
  ...SUCCESSION_ROUTES,
  ...STATUS_ROUTES,
  ...EVENT_ROUTES,
  ...OBSERVE_ROUTES,
  ...PAGE_ROUTES,
  ...KEY_ROUTES,
  openApiRoute(() => ROUTES),
];

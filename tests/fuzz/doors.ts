/** All doors of fumata that strangers, or files of unknown origin, can reach. */
import type { Door } from "./_door.ts";
import {
  CERTIFICATE_DOOR,
  CLUSTER_DOOR,
  EVIDENCE_DOOR,
  FLAGS_DOOR,
  PACKAGE_DOOR,
  STATE_DOOR,
} from "./_documents.ts";
import { FUNCTION_DOOR } from "./_function.ts";
import {
  DATAGRAM_DOOR,
  GOSSIP_DOOR,
  KEY_DOOR,
  OPEN_DOOR,
  ROSTER_DOOR,
  STREAM_DOOR,
} from "./_messages.ts";
import { ENCLAVE_DOOR, FRAME_DOOR, HOST_HTTP_DOOR, HTTP_DOOR } from "./_services.ts";

/** The doors. */
export const DOORS: readonly Door[] = [
  DATAGRAM_DOOR,
  STREAM_DOOR,
  GOSSIP_DOOR,
  ROSTER_DOOR,
  OPEN_DOOR,
  KEY_DOOR,
  CERTIFICATE_DOOR,
  CLUSTER_DOOR,
  PACKAGE_DOOR,
  EVIDENCE_DOOR,
  STATE_DOOR,
  FUNCTION_DOOR,
  FLAGS_DOOR,
  FRAME_DOOR,
  HTTP_DOOR,
  HOST_HTTP_DOOR,
  ENCLAVE_DOOR,
];

/** The flags of a node, which are the keys of its configuration, too. */
import { CONFIG_FLAG } from "./config/layers.ts";
import type { Flag } from "./command.ts";
import { HOST_FLAGS } from "./enclave_hosts.ts";
import { HOOK_EVENTS } from "./hooks/hook.ts";

/** The flags. */
export const NODE_SERVICE_FLAGS: readonly Flag[] = [
  {
    name: "port",
    short: "p",
    type: "number",
    range: [0, 65535],
    placeholder: "PORT",
    help: "UDP and TCP port to listen on; 0 takes a free one",
  },
  {
    name: "neighbor",
    short: "n",
    type: "list",
    placeholder: "PEER",
    help:
      "address of a node to join: host:port or a port of this machine; several times or with commas",
  },
  {
    name: "function",
    short: "f",
    type: "list",
    placeholder: "ID",
    help: "the election function; its id on each host when there are several",
  },
  {
    name: "checksum",
    short: "c",
    type: "list",
    placeholder: "HEX",
    help: "the function's checksum, pinned before any data leaves",
  },
  {
    name: "function-json",
    type: "list",
    placeholder: "FILE",
    help: 'id and checksum from the output of "fumata deploy -o json" (else $FUNCTION_JSON)',
  },
  {
    name: "host",
    type: "string",
    placeholder: "IP",
    default: "127.0.0.1",
    help: "address to listen on",
  },
  {
    name: "advertise",
    type: "string",
    placeholder: "HOST:PORT",
    help: "where others reach this node, when it is not where it listens",
  },
  {
    name: "name",
    type: "string",
    placeholder: "NAME",
    help: "label of this node; default its name in the roster, else its address",
  },
  {
    name: "cluster",
    type: "string",
    placeholder: "NAME",
    default: "fumata",
    help: "nodes of other clusters are not heard",
  },
  { name: "tag", type: "list", placeholder: "KEY=VALUE", help: "a public fact about this node" },
  {
    name: "state",
    type: "string",
    placeholder: "DIR",
    help:
      "folder of identity and votes; default one per cluster and port under $XDG_STATE_HOME/fumata",
  },
  {
    name: "encrypt",
    type: "string",
    placeholder: "KEYFILE",
    help: 'seal gossip with the cluster keys of this file, made by "fumata keygen --cluster-key"',
  },
  {
    name: "reset-state",
    type: "boolean",
    help: "set the folder's state aside and start as a new node; its earlier votes are forgotten",
  },
  {
    name: "http",
    type: "string",
    placeholder: "ADDR|off",
    help: "where commands and programs reach this node; default a free port of 127.0.0.1",
  },
  {
    name: "http-token-file",
    type: "string",
    placeholder: "FILE",
    help: "token for orders over HTTP; default one in the state folder",
  },
  {
    name: "http-allow-origin",
    type: "list",
    placeholder: "ORIGIN",
    help: "let pages of this origin, such as https://board.example, read over HTTP; default none",
  },
  {
    name: "timing",
    type: "string",
    choices: ["local", "lan", "wan"],
    help: "how patient to be; default local on a loopback address, else lan",
  },
  {
    name: "on",
    type: "list",
    placeholder: "EVENT=CMD|URL",
    help: `run a shell command, or post to a URL, on ${HOOK_EVENTS.join(", ")}; JSON on stdin`,
  },
  CONFIG_FLAG,
  ...HOST_FLAGS,
];

/**
 * The two Python functions of the seeds, to the letter, with their packages in the folder as `pip install --target` puts them. The packages
 * are taken from Debian's python3-pycryptodome, python3-geopy and python3-geographiclib, which are other versions than the seeds pin
 * (pycryptodome 3.11 for 3.15, geopy 2.3 for 2.2, geographiclib 2.0 for 1.52); without them the tests are skipped. Debian renames
 * `Crypto` to `Cryptodome`; the test renames it back.
 */
import { ok as assert } from "node:assert";
import { createPublicKey, verify } from "node:crypto";
import { fromHex, fromUtf8, utf8 } from "../../lib/base/bytes.ts";
import { createSandbox } from "../../lib/sandbox/mod.ts";
import { packFiles } from "../../lib/package/mod.ts";
import { openPackage } from "../../lib/package/open.ts";
import { PACKAGE_PEM } from "../function/_keys.ts";
import { KEYS, shown } from "./_functions.ts";
import { PYTHON, skipWithout } from "./_python.ts";

const DEBIAN_PACKAGES = "/usr/lib/python3/dist-packages";

const LEADER_ELECTION = `import json
from unicodedata import name
from Crypto import Random
from Crypto.Cipher import PKCS1_OAEP
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import PKCS1_v1_5

def cape_handler(arg):
    user_input = json.loads(arg)
    if "node_list" not in user_input:
        raise Exception("node list is missing")

    nodes = user_input.get("node_list")
    nodes.sort()
    message = str(nodes[-1])
    digest = SHA256.new()
    digest.update(message.encode("utf-8"))
    private_key = RSA.importKey(open("private.pem").read())
    signer = PKCS1_v1_5.new(private_key)
    sig = signer.sign(digest)
    return_val = {}
    return_val["message"] = message
    return_val["signature"] = sig.hex()
    return json.dumps(return_val)
`;

const HIDE_AND_SEEK = `import math
import string
from unicodedata import name
import json
import geopy
from geopy.distance import geodesic as GD


FILE_PATH = "./secret.json"


def open_secret(path=FILE_PATH):
    with open(path) as f:
        try:
            data = json.load(f)
        except Exception:
            return None
    return data


def store_secret(data, path=FILE_PATH):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(data, f, ensure_ascii=False, indent=4)


# Function needs to check if the coordinates match the one that was provided.
def cape_handler(arg):
    user_input = json.loads(arg)
    # use file cache instead
    secret = open_secret()
    if secret == None:
        # Store the current input as secret
        store_secret(user_input)
    else:
        # Calculate the difference between the user secret and the current input.
        user_loco = (float(user_input["latitude"]), float(user_input["longitude"]))
        secret_loco = (float(secret["latitude"]), float(secret["longitude"]))
        distance = GD(secret_loco, user_loco).m

        if distance < 100:
            ret = f"Congrats you found the treasure!"
        elif distance < 10000:
            ret = f"Getting closer! still {distance} meters away"
        else:
            ret = f"Not even close! still {distance} meters away"
        return ret
`;

Deno.test("the seeds' leader election in Python elects and signs", async () => {
  const crypto = await packageFiles("Cryptodome", "Crypto");
  if (skipWithout(PYTHON) || skipWithout(crypto)) return;
  const outcomes = await callAll(
    new Map([
      ["app.py", utf8(LEADER_ELECTION)],
      ["private.pem", utf8(PACKAGE_PEM)],
      ...crypto as Map<string, Uint8Array>,
    ]),
    ['{"node_list": ["127.0.0.1:5000", "127.0.0.1:5001"]}', "{}"],
  );
  const answer = JSON.parse(outcomes[0]);
  assert(answer.message === "127.0.0.1:5001");
  const key = createPublicKey(PACKAGE_PEM);
  assert(verify("sha256", utf8(answer.message), key, fromHex(answer.signature)!));
  assert(outcomes[1].startsWith("threw: node list is missing"), outcomes[1]);
});

Deno.test("the seeds' hide and seek in Python gives its three answers", async () => {
  const geopy = await packageFiles("geopy", "geopy");
  const geographiclib = await packageFiles("geographiclib", "geographiclib");
  if (skipWithout(PYTHON) || skipWithout(geopy) || skipWithout(geographiclib)) return;
  const files = new Map([
    ["app.py", utf8(HIDE_AND_SEEK)],
    ["secret.json", new Uint8Array()],
    ...geopy as Map<string, Uint8Array>,
    ...geographiclib as Map<string, Uint8Array>,
  ]);
  const place = (latitude: number, longitude: number) => JSON.stringify({ latitude, longitude });
  const [hidden, found, near, far] = await callAll(files, [
    place(48.8584, 2.2945),
    place(48.8585, 2.2946),
    place(48.86, 2.3),
    place(40.6892, -74.0445),
  ]);
  assert(hidden === "", hidden);
  assert(found === "Congrats you found the treasure!", found);
  assert(/^Getting closer! still 44\d\.\d+ meters away$/.test(near), near);
  assert(/^Not even close! still 58\d{5}\.\d+ meters away$/.test(far), far);
});

/** Packs, opens, and calls in one session. */
async function callAll(files: Map<string, Uint8Array>, inputs: string[]): Promise<string[]> {
  const opened = openPackage(packFiles("seeds", files).zip);
  if (typeof opened === "string") throw new Error(opened);
  await using sandbox = createSandbox();
  const session = await sandbox.open(opened, KEYS, "simulated");
  const outcomes: string[] = [];
  for (const input of inputs) outcomes.push(shown(await session.call(utf8(input))));
  session.close();
  return outcomes;
}

/** The files of one of Debian's Python packages under another name, or why there are none. */
async function packageFiles(
  name: string,
  rename: string,
): Promise<Map<string, Uint8Array> | string> {
  const files = new Map<string, Uint8Array>();
  const walk = async (at: string, to: string): Promise<void> => {
    for await (const entry of Deno.readDir(at)) {
      const [from, path] = [`${at}/${entry.name}`, `${to}/${entry.name}`];
      if (entry.isDirectory && entry.name !== "__pycache__" && entry.name !== "SelfTest") {
        await walk(from, path);
      } else if (entry.isFile) {
        const bytes = await Deno.readFile(from);
        const text = name !== rename && path.endsWith(".py") ? fromUtf8(bytes) : undefined;
        files.set(path, text === undefined ? bytes : utf8(text.replaceAll(name, rename)));
      }
    }
  };
  try {
    await walk(`${DEBIAN_PACKAGES}/${name}`, rename);
  } catch {
    return `the Python package ${name} is not in ${DEBIAN_PACKAGES}`;
  }
  return files;
}

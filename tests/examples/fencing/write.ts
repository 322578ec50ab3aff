/**
 * Writes one row into a fenced ledger, in the name of the leader whose certificate it is given; exit code 3 when the ledger refuses it.
 *
 *     deno run -A tests/examples/fencing/write.ts ledger.db pins.json certificate.json TEXT
 *
 * `pins.json` is `{"checksum", "clusterJson", "keys"}`; the certificate is what `fumata certificate` prints, or the file that `fumata lock`
 * names in FUMATA_CERTIFICATE.
 */
import { FencedLedger } from "./ledger.ts";

const [database, pins, certificate, text] = Deno.args;
if (text === undefined) {
  console.error("usage: write.ts DATABASE PINS CERTIFICATE TEXT");
  Deno.exit(1);
}
using ledger = new FencedLedger(database, JSON.parse(Deno.readTextFileSync(pins)));
const fault = await ledger.write(JSON.parse(Deno.readTextFileSync(certificate)), text);
if (fault !== undefined) {
  console.error(`refused: ${fault}`);
  Deno.exitCode = 3;
}

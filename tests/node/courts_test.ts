/** Whose certificates are judged where: one's own function's, and those of the function before, if this node knows its roster. */
import { deepStrictEqual, strictEqual } from "node:assert";
import type { CertificateDocument, VerifiedCertificate } from "../../lib/certificate/types.ts";
import type { RsaPublicKey } from "../../lib/crypto/rsa.ts";
import type { CertificateDesk } from "../../lib/node/certificate_desk.ts";
import { Courts } from "../../lib/node/courts.ts";
import type { KeyMessage } from "../../lib/wire/key_messages.ts";
import { TestFunction } from "../certificate/_chain.ts";
import { evidenceOf } from "./_cluster.ts";

const [before, own] = [new TestFunction("before"), new TestFunction("own")];
const [ofBefore, ofOwn] = [before.elect(1), own.elect(1)];
const KID = ofBefore.certificate.kid;

/** A desk that finds everything genuine, once it has the key. */
class FakeDesk {
  readonly keys = new Map<string, RsaPublicKey>();
  description?: { readonly kind: "roster" };
  readonly #waiting: [string, CertificateDocument][] = [];

  constructor(hasKey: boolean, readonly certificate: VerifiedCertificate) {
    if (hasKey) this.keys.set(KID, { kid: KID } as RsaPublicKey);
  }

  judge(document: CertificateDocument, from: string) {
    if (this.keys.has(KID)) return { kind: "genuine", certificate: this.certificate };
    this.#waiting.push([from, document]);
    return { kind: "waits", kid: KID };
  }

  takeWaiting() {
    return this.keys.has(KID) ? this.#waiting.splice(0) : [];
  }

  keyToPassOn() {}

  admitPassedOn(key: RsaPublicKey): boolean {
    this.keys.set(key.kid, key);
    return true;
  }
}

/** Courts of a node that succeeds another function, and what they said in order. */
function courts({ knowsBefore = true, hasKeyOfBefore = true } = {}) {
  const said: string[] = [];
  const desks = [
    new FakeDesk(true, ofOwn.certificate),
    new FakeDesk(hasKeyOfBefore, ofBefore.certificate),
  ];
  if (knowsBefore) desks[1].description = { kind: "roster" };
  const [ownDesk, earlierDesk] = desks as unknown as CertificateDesk[];
  const of = new Courts(
    { domain: own.domain, desk: ownDesk },
    { domain: before.domain, desk: earlierDesk },
    {
      judgeKey: () => ({ kid: KID }) as RsaPublicKey,
      send: (to, { kind }) => said.push(`${kind} to ${to}`),
      keyTaken: (_, from) => said.push(`key from ${from}`),
      keyRefused: (_, from, reason) => said.push(`refused ${from}: ${reason}`),
      certified: ({ id }, from) => said.push(`own ${id === ofOwn.certificate.id} from ${from}`),
      certifiedEarlier: ({ id }) => said.push(`earlier ${id === ofBefore.certificate.id}`),
      waits: (from) => said.push(`waits from ${from}`),
      refused: () => said.push("refused"),
    },
  );
  return { of, said };
}

Deno.test("a certificate of the function before is none of one's own, and the other way round", () => {
  const { of, said } = courts();
  strictEqual(of.receive(ofBefore.document, "m", 0), true);
  strictEqual(of.receive(ofOwn.document, "m", 0), true);
  deepStrictEqual(said, ["earlier true", "own true from m"]);
});

Deno.test("who never attested the function before judges none of its certificates", () => {
  const { of, said } = courts({ knowsBefore: false });
  strictEqual(of.receive(ofBefore.document, "m", 0), false);
  deepStrictEqual(said, []);
});

Deno.test("what waits for a key of the function before is judged when that comes, as one of that function", () => {
  const { of, said } = courts({ hasKeyOfBefore: false });
  strictEqual(of.receive(ofBefore.document, "m", 0), false);
  const shown = { kind: "key", jwk: {}, evidence: evidenceOf("simulated") } as KeyMessage;
  of.hearKey("m", shown, 1);
  deepStrictEqual(said, ["waits from m", "want-key to m", "key from m", "earlier true"]);
});

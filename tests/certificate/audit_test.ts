/** The audit of chains: what follows, what does not, what never led. */
import { deepStrictEqual as assertEquals, ok as assert } from "node:assert";
import {
  auditChain,
  type CertificateDocument,
  type ChainAudit,
  parseChainFile,
} from "../../lib/certificate/mod.ts";
import { voters } from "../function/_roster.ts";
import { type Issued, OTHER_KEY, TestFunction } from "./_chain.ts";
import { issue } from "./_issue.ts";

const alpha = new TestFunction("alpha");
const first = alpha.elect(1);
const second = alpha.elect(3, first.certificate);
const third = alpha.elect(4, second.certificate);
const CHAIN = [first, second, third];

function audit(issued: readonly (Issued | CertificateDocument)[], functions = [alpha]): ChainAudit {
  const documents = issued.map((item) => "document" in item ? item.document : item);
  return auditChain(documents, functions.map(({ pins }) => pins));
}

const termsOf = ({ chain }: ChainAudit) => chain.map(({ certificate }) => certificate.term);
const messagesOf = ({ breaks }: ChainAudit) =>
  breaks.map(({ term, message }) => `${term}: ${message}`);
const offChainOf = ({ offChain }: ChainAudit) =>
  offChain.map(({ certificate, neverLed }) => `${certificate.term} ${neverLed}`);

/** What does not depend on the issue: nothing broken, nothing aside. */
function assertSound(found: ChainAudit): void {
  assertEquals([found.breaks, found.offChain, found.refused, found.keyChanges], [[], [], [], []]);
}

Deno.test("a chain from genesis is sound, in whatever order the file has it", () => {
  for (const order of [CHAIN, CHAIN.toReversed(), [second, third, first, second]]) {
    const found = audit(order);
    assertEquals(termsOf(found), [1, 3, 4]);
    assertSound(found);
  }
});

Deno.test("a document that is not genuine is refused, and what it held together breaks", () => {
  const found = audit([first, { ...second.document, bundle: [] }, third]);
  assertEquals(found.refused.map(({ index, failures }) => [index, failures[0].check]), [[
    1,
    "quorum",
  ]]);
  assertEquals(termsOf(found), [1, 4]);
  assertEquals(messagesOf(found), [
    `4: it follows ${second.certificate.id}, which is not among the genuine certificates`,
  ]);
});

Deno.test("of several breaks the oldest comes first", () => {
  const fourth = alpha.elect(6, third.certificate);
  const fifth = alpha.elect(7, fourth.certificate);
  const found = audit([second, third, fifth]);
  assertEquals(found.breaks.map(({ term }) => term), [3, 7]);
  assertEquals(termsOf(found), [3, 4, 7]);
});

Deno.test("a chain may begin after a certificate that was audited before", () => {
  const documents = [second.document, third.document];
  const found = auditChain(documents, [alpha.pins], { after: first.certificate.id });
  assertEquals(termsOf(found), [3, 4]);
  assertSound(found);
});

Deno.test("a certificate that later ones do not descend from never led", () => {
  const aside = alpha.elect(2, first.certificate);
  const found = audit([...CHAIN, aside]);
  assertEquals(termsOf(found), [1, 3, 4]);
  assertEquals(offChainOf(found), ["2 true"]);
  assertEquals(found.breaks, []);
});

Deno.test("before the oldest certificate of a way from genesis nobody led", () => {
  const start = alpha.elect(5);
  const aside = alpha.elect(2);
  assertEquals(offChainOf(audit([start, aside])), ["2 true"]);
});

Deno.test("what a break hides is not said to have never led", () => {
  const fourth = alpha.elect(6, third.certificate);
  const aside = alpha.elect(5, third.certificate);
  const found = audit([first, second, fourth, aside]);
  assertEquals(
    found.breaks.map(({ term }) => term),
    [6, 5]
      .toSorted(),
  );
  assertEquals(termsOf(found), [1, 3, 5, 6]);
  assertEquals(offChainOf(found), []);
});

Deno.test("two certificates of one term are a fork, and named as the break that they are", () => {
  const other = alpha.elect(3, first.certificate, { bitmap: "Bw" });
  const found = audit([...CHAIN, other]);
  assertEquals(found.breaks.length, 1);
  assert(/^3: it is a fork: .* has the same term; keep both/.test(messagesOf(found)[0]));
});

Deno.test("of two certificates of the last term either may have led", () => {
  const other = alpha.elect(4, second.certificate, { bitmap: "Bw" });
  const found = audit([...CHAIN, other]);
  assertEquals(offChainOf(found), ["4 false"]);
});

Deno.test("what was elected before a certificate that does not follow may have led", () => {
  const wrong = alpha.elect(6, second.certificate, { tenure: 2 });
  const aside = alpha.elect(5, second.certificate);
  const found = audit([first, second, wrong, aside]);
  assertEquals(termsOf(found), [1, 3, 6]);
  assertEquals(offChainOf(found), ["5 false"]);
});

Deno.test("an incumbent or a tenure that does not follow from prev is a break", () => {
  const other = voters(4).find(({ id }) => id !== first.certificate.leader)!.id;
  for (const change of [{ incumbent: other }, { tenure: 2 }, { incumbent: "", tenure: 0 }]) {
    const wrong = alpha.elect(3, first.certificate, change);
    const found = audit([first, wrong]);
    assertEquals(messagesOf(found).length, 1);
    assert(messagesOf(found)[0].includes("incumbent and tenure"), messagesOf(found)[0]);
    assertEquals(termsOf(found), [1, 3]);
  }
});

Deno.test("a term that does not grow is a break", () => {
  const wrong = alpha.elect(4, third.certificate);
  const found = audit([...CHAIN, wrong]);
  assert(messagesOf(found).includes("4: its term is 4, but that of its prev is 4"));
});

Deno.test("another enclave key within one function is named, and no break", () => {
  const fourth = alpha.elect(6, third.certificate, { kid: OTHER_KEY.kid });
  const fifth = alpha.elect(7, fourth.certificate, { kid: OTHER_KEY.kid });
  const found = audit([...CHAIN, fourth, fifth]);
  assertEquals(found.keyChanges, [
    { term: 6, from: third.certificate.kid, to: OTHER_KEY.kid },
  ]);
  assertEquals([termsOf(found), found.breaks], [[1, 3, 4, 6, 7], []]);
});

Deno.test("certificates of open clusters and of unknown functions are no part of a chain", () => {
  const stranger = new TestFunction("stranger").elect(2);
  const found = audit([...CHAIN, stranger, issue()]);
  assertEquals(
    found.refused.map(({ index, failures }) => [index, failures[0].check]),
    [[3, "checksum"], [4, "checksum"]],
  );
  assert(/^no package with the checksum [0-9a-f]{64} was given$/
    .test(found.refused[0].failures[0].message));
  assertEquals(termsOf(found), [1, 3, 4]);
});

// ---- succession

const beta = new TestFunction("beta", { succeeds: alpha.checksumHex });
const closing = alpha.close(6, beta, third.certificate);
const fourth = beta.elect(8, closing.certificate);

Deno.test("a closing certificate leads into the successor, whose terms go on", () => {
  const found = audit([...CHAIN, closing, fourth], [alpha, beta]);
  assertEquals(termsOf(found), [1, 3, 4, 6, 8]);
  assertEquals(found.chain.map(({ checksum }) => checksum).slice(3), [
    alpha.checksumHex,
    beta.checksumHex,
  ]);
  assertSound(found);
});

Deno.test("the successor's enclave has a key of its own, which is no change of key", () => {
  const other = beta.elect(8, closing.certificate, { kid: OTHER_KEY.kid });
  assertSound(audit([...CHAIN, closing, other], [alpha, beta]));
});

Deno.test("who was elected beside a closing certificate never led", () => {
  const late = alpha.elect(7, third.certificate);
  const found = audit([...CHAIN, closing, fourth, late], [alpha, beta]);
  assertEquals(offChainOf(found), ["7 true"]);
  assertEquals(found.breaks, []);
});

Deno.test("without the closing certificate the successor's chain is broken there", () => {
  const found = audit([...CHAIN, fourth], [alpha, beta]);
  assertEquals(messagesOf(found), [
    `8: it follows ${closing.certificate.id}, probably the closing certificate of function ${alpha.checksumHex}, which is not among the genuine certificates`,
  ]);
});

const crossings: [string, () => { chain: Issued[]; functions: TestFunction[] }, string][] = [
  [
    "a successor of a function that was not closed",
    () => ({
      chain: [...CHAIN, beta.elect(8, third.certificate, { incumbent: "", tenure: 0 })],
      functions: [alpha, beta],
    }),
    `8: it follows a certificate of function ${alpha.checksumHex}, which was not closed`,
  ],
  [
    "a successor that another one was named for",
    () => {
      const gamma = new TestFunction("gamma", { succeeds: alpha.checksumHex });
      return {
        chain: [...CHAIN, closing, gamma.elect(8, closing.certificate)],
        functions: [alpha, gamma],
      };
    },
    "8: it follows a closing certificate in favour of another function",
  ],
  [
    "a successor that does not name its predecessor",
    () => {
      const gamma = new TestFunction("gamma", { succeeds: "ab".repeat(32) });
      const end = alpha.close(6, gamma, third.certificate);
      return { chain: [...CHAIN, end, gamma.elect(8, end.certificate)], functions: [alpha, gamma] };
    },
    "8: it follows a closing certificate of a function that its package does not succeed",
  ],
  [
    "a successor in another cluster",
    () => {
      const gamma = new TestFunction("gamma", { succeeds: alpha.checksumHex, cluster: "other" });
      const end = alpha.close(6, gamma, third.certificate);
      return { chain: [...CHAIN, end, gamma.elect(8, end.certificate)], functions: [alpha, gamma] };
    },
    "8: it follows a closing certificate of another cluster",
  ],
  [
    "a leader after the end",
    () => ({ chain: [...CHAIN, closing, alpha.elect(8, closing.certificate)], functions: [alpha] }),
    "8: it follows a closing certificate, after which nobody leads",
  ],
  [
    "a successor whose terms begin again",
    () => ({
      chain: [...CHAIN, closing, beta.elect(5, closing.certificate)],
      functions: [alpha, beta],
    }),
    "5: its term is 5, but that of its prev is 6",
  ],
  [
    "a successor with an incumbent",
    () => ({
      chain: [
        ...CHAIN,
        closing,
        beta.elect(8, closing.certificate, { incumbent: voters(1)[0].id, tenure: 1 }),
      ],
      functions: [alpha, beta],
    }),
    "8: its incumbent and tenure (1) are not those that follow from its prev (0)",
  ],
];
for (const [what, make, message] of crossings) {
  Deno.test(`succession: refuses ${what}`, () => {
    const { chain, functions } = make();
    const found = audit(chain, functions);
    assertEquals(messagesOf(found), [message]);
  });
}

// ---- files

Deno.test("a chain file is an object with keys and evidence, or a bare array, or refused with a reason", () => {
  const chain = CHAIN.map(({ document }) => document);
  assertEquals(parseChainFile(JSON.stringify(chain)), { documents: chain, keys: [], evidence: [] });
  assertEquals(parseChainFile(JSON.stringify({ chain, keys: [1], evidence: [2] })), {
    documents: chain,
    keys: [1],
    evidence: [2],
  });
  assertEquals(parseChainFile("{"), "it is not JSON");
  assertEquals(parseChainFile("5"), "it is neither an object nor an array");
  assertEquals(parseChainFile("[]"), '"chain" is not an array of 1..65536 documents');
  assertEquals(parseChainFile('{"chain":[{}],"x":1}'), 'it has an unknown field "x"');
  assertEquals(parseChainFile("[{}]"), 'document 0: "certificate" is not a text');
  assertEquals(
    parseChainFile(JSON.stringify({ chain, keys: 5 })),
    '"keys" is not an array of at most 256 items',
  );
});

/** Packing is deterministic; opening believes nothing that a zip says. */
import { deepStrictEqual as assertEquals, ok as assert, rejects, throws } from "node:assert";
import { unzipSync, type Zippable, zipSync } from "fflate";
import { fromUtf8, hex, utf8 } from "../../lib/base/bytes.ts";
import { openPackage, PACKAGE_LIMITS, packFiles, packFolder } from "../../lib/package/mod.ts";
import { sha256 } from "../../lib/crypto/digest.ts";

const FILES = new Map([
  ["app.ts", utf8("export const cape_handler = (x: Uint8Array) => x;\n")],
  ["lib/b.ts", utf8("b")],
  ["lib/a.ts", utf8("a")],
  ["empty", new Uint8Array()],
  ["größe.txt", utf8("name outside of ASCII")],
]);

/** A zip as other tools make it. */
const zipOf = (entries: Zippable) => zipSync(entries, { level: 6 });
const good = () => zipOf({ "f/app.ts": utf8("x".repeat(1000)), "f/b": utf8("b") });

/** The zip with some bytes changed at a record, found by its signature and number. */
function edited(
  zip: Uint8Array,
  signature: number,
  index: number,
  change: (view: DataView, at: number) => void,
): Uint8Array {
  const copy = zip.slice();
  const view = new DataView(copy.buffer);
  let seen = 0;
  for (let at = 0; at + 4 <= copy.length; at++) {
    if (view.getUint32(at, true) !== signature) continue;
    if (seen++ === index) {
      change(view, at);
      return copy;
    }
  }
  throw new Error("no such record");
}
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;

Deno.test("the same files give the same checksum, in whatever order they come", () => {
  const packed = packFiles("f", FILES);
  const reversed = packFiles("f", new Map([...FILES].reverse()));
  assertEquals(hex(packed.checksum), hex(reversed.checksum));
  assertEquals(packed.checksum, sha256(packed.zip));
  // Written down so that a change of the format, the library or the time zone is noticed.
  assertEquals(
    hex(packed.checksum),
    "1a64f512641808bec03eccc76a741537631c9c7df9d46b857d55f91daab5059c",
  );
});

Deno.test("the checksum does not depend on the time zone", async () => {
  const script = `
    import { packFiles } from ${
    JSON.stringify(new URL("../../lib/package/mod.ts", import.meta.url))
  };
    import { hex } from ${JSON.stringify(new URL("../../lib/base/bytes.ts", import.meta.url))};
    console.log(hex(packFiles("f", new Map([["app.ts", new Uint8Array([1])]])).checksum));`;
  const here = hex(packFiles("f", new Map([["app.ts", new Uint8Array([1])]])).checksum);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", script],
    cwd: new URL("../../", import.meta.url),
    env: { TZ: "Pacific/Kiritimati" },
  }).output();
  assertEquals(new TextDecoder().decode(stdout).trim(), here);
});

Deno.test("every entry is stored, with one time and one mode, sorted", () => {
  const { zip } = packFiles("f", FILES);
  const names: string[] = [];
  unzipSync(zip, {
    filter: (entry) => {
      assertEquals(entry.compression, 0);
      names.push(entry.name);
      return true;
    },
  });
  assertEquals(names, ["f/app.ts", "f/empty", "f/größe.txt", "f/lib/a.ts", "f/lib/b.ts"]);
});

Deno.test("what was packed opens to the same files", () => {
  const packed = packFiles("f", FILES);
  const opened = openPackage(packed.zip);
  assert(typeof opened === "object", String(opened));
  assertEquals(opened.folder, "f");
  assertEquals(opened.checksum, new Uint8Array(packed.checksum));
  assertEquals(
    [...opened.files].map(([path, bytes]) => [path, fromUtf8(bytes)]).sort(),
    [...FILES].map(([path, bytes]) => [path, fromUtf8(bytes)]).sort(),
  );
});

Deno.test("a deflated zip with folder entries opens, as the seeds' clients make them", () => {
  const opened = openPackage(zipOf({ "f/": new Uint8Array(), "f/app.py": utf8("x".repeat(5000)) }));
  assert(typeof opened === "object", String(opened));
  assertEquals([...opened.files.keys()], ["app.py"]);
  assertEquals(opened.files.get("app.py")!.length, 5000);
});

Deno.test("packing refuses names that no package may hold", () => {
  const pack = (folder: string, path: string) => () =>
    packFiles(folder, new Map([[path, new Uint8Array()]]));
  throws(pack("f", "../x"), /has a part "\.\."/);
  throws(pack("f", "a//b"), /has an empty part/);
  throws(pack("f", "a\\b"), /has a backslash/);
  throws(pack("f", "a\nb"), /has a control character/);
  throws(pack("..", "x"), /the folder's name has a part "\.\."/);
  throws(pack("", "x"), /the folder's name has an empty part/);
  throws(() => packFiles("f", new Map()), /it holds no files/);
  throws(
    () => packFiles("f", new Map([["a", new Uint8Array()], ["a/b", new Uint8Array()]])),
    /"a" is both a file and a folder/,
  );
});

Deno.test("packing keeps to the limits", () => {
  throws(
    () => packFiles("f", FILES, { ...PACKAGE_LIMITS, contentBytesMax: 10 }),
    /at most 10 are allowed/,
  );
  throws(() => packFiles("f", FILES, { ...PACKAGE_LIMITS, filesMax: 2 }), /it holds 5 files/);
});

Deno.test("a folder is packed under its own name, without dot files", async () => {
  const folder = await Deno.makeTempDir({ prefix: "package" });
  try {
    await Deno.mkdir(`${folder}/fn/sub`, { recursive: true });
    await Deno.mkdir(`${folder}/fn/.git`);
    await Deno.writeTextFile(`${folder}/fn/app.ts`, "a");
    await Deno.writeTextFile(`${folder}/fn/sub/b.ts`, "b");
    await Deno.writeTextFile(`${folder}/fn/.env`, "secret");
    await Deno.writeTextFile(`${folder}/fn/.git/config`, "x");
    const packed = await packFolder(`${folder}/fn/`);
    const same = packFiles("fn", new Map([["app.ts", utf8("a")], ["sub/b.ts", utf8("b")]]));
    assertEquals(hex(packed.checksum), hex(same.checksum));
    assertEquals(packed.folder, "fn");

    await Deno.symlink("app.ts", `${folder}/fn/link.ts`);
    await rejects(packFolder(`${folder}/fn`), /"link.ts" is a link; put the file itself there/);
    await rejects(packFolder(`${folder}/none`), /there is no such folder/);
    await rejects(packFolder(`${folder}/fn/app.ts`), /it is not a folder/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const refusals: [string, () => Uint8Array, RegExp][] = [
  ["no zip", () => utf8("hello"), /no end of central directory/],
  ["nothing", () => new Uint8Array(), /no end of central directory/],
  ["an empty zip", () => zipOf({}), /holds no files/],
  ["a path that climbs", () => zipOf({ "f/../x": utf8("x") }), /has a part "\.\."/],
  ["a path of one dot", () => zipOf({ "f/./x": utf8("x") }), /has a part "\."/],
  ["an absolute path", () => zipOf({ "/etc/passwd": utf8("x") }), /is absolute/],
  ["a drive letter", () => zipOf({ "C:/x": utf8("x") }), /has a drive letter/],
  ["a backslash", () => zipOf({ "f\\..\\x": utf8("x") }), /has a backslash/],
  ["a control character", () => zipOf({ "f/a\x1b[2J": utf8("x") }), /"f\/a\?\[2J" has a control/],
  ["two root folders", () => zipOf({ "f/x": utf8("x"), "g/x": utf8("x") }), /outside of the one/],
  ["a file without a folder", () => zipOf({ "app.ts": utf8("x") }), /outside of the one root/],
  [
    "a file that is a folder too",
    () => zipOf({ "f/x": utf8("x"), "f/x/y": utf8("y") }),
    /both a file and a folder/,
  ],
  ["only folders", () => zipOf({ "f/": new Uint8Array() }), /holds no files/],
  [
    "a file twice",
    () => {
      const zip = zipOf({ "f/ab": utf8("1"), "f/cd": utf8("2") });
      for (let at = 0; at < zip.length; at++) {
        if (fromUtf8(zip.subarray(at, at + 4)) === "f/cd") zip.set(utf8("f/ab"), at);
      }
      return zip;
    },
    /"f\/ab" is there twice/,
  ],
  [
    "an encrypted entry",
    () => edited(good(), CENTRAL, 0, (view, at) => view.setUint16(at + 8, 1, true)),
    /is encrypted/,
  ],
  [
    "an unknown method",
    () => edited(good(), CENTRAL, 0, (view, at) => view.setUint16(at + 10, 14, true)),
    /is packed by method 14/,
  ],
  [
    "a link",
    () => zipOf({ "f/x": [utf8("/etc/passwd"), { os: 3, attrs: (0o120777 << 16) >>> 0 }] }),
    /is a link or a device/,
  ],
  [
    "a wrong checksum",
    () => edited(good(), CENTRAL, 0, (view, at) => view.setUint32(at + 16, 1, true)),
    /has a wrong checksum/,
  ],
  [
    "a size that is too small",
    () => edited(good(), CENTRAL, 0, (view, at) => view.setUint32(at + 24, 999, true)),
    /does not unpack to its declared size/,
  ],
  [
    "a size that is too large",
    () => edited(good(), CENTRAL, 0, (view, at) => view.setUint32(at + 24, 1001, true)),
    /does not unpack to its declared size/,
  ],
  [
    "a stored entry with two sizes",
    () => edited(good(), CENTRAL, 0, (view, at) => view.setUint16(at + 10, 0, true)),
    /is stored but has two sizes/,
  ],
  [
    "another path in the local header",
    () => edited(good(), LOCAL, 0, (view, at) => view.setUint8(at + 30, 0x67)),
    /another path in its local header/,
  ],
  [
    "another method in the local header",
    () => edited(good(), LOCAL, 0, (view, at) => view.setUint16(at + 8, 0, true)),
    /another method in its local header/,
  ],
  [
    "overlapping entries",
    () => edited(good(), CENTRAL, 1, (view, at) => view.setUint32(at + 42, 0, true)),
    /overlaps another entry/,
  ],
  [
    "an entry without a header",
    () => edited(good(), CENTRAL, 0, (view, at) => view.setUint32(at + 42, 1, true)),
    /has no local header/,
  ],
  [
    "data that reaches into the directory",
    () => edited(good(), CENTRAL, 1, (view, at) => view.setUint32(at + 20, 500, true)),
    /is cut short/,
  ],
  [
    "several disks",
    () => edited(good(), END, 0, (view, at) => view.setUint16(at + 4, 1, true)),
    /spans several disks/,
  ],
  [
    "a zip64",
    () => edited(good(), END, 0, (view, at) => view.setUint32(at + 16, 0xffffffff, true)),
    /is a zip64/,
  ],
  [
    "a directory elsewhere",
    () =>
      edited(
        good(),
        END,
        0,
        (view, at) => view.setUint32(at + 16, view.getUint32(at + 16, true) - 1, true),
      ),
    /does not end where it should/,
  ],
  [
    "more entries than listed",
    () =>
      edited(good(), END, 0, (view, at) => {
        view.setUint16(at + 8, 1, true);
        view.setUint16(at + 10, 1, true);
      }),
    /holds more than it counts/,
  ],
  [
    "fewer entries than listed",
    () =>
      edited(good(), END, 0, (view, at) => {
        view.setUint16(at + 8, 3, true);
        view.setUint16(at + 10, 3, true);
      }),
    /directory is broken/,
  ],
];
for (const [what, make, reason] of refusals) {
  Deno.test(`opening refuses ${what}`, () => {
    const opened = openPackage(make());
    assert(typeof opened === "string" && reason.test(opened), String(opened));
  });
}

Deno.test("a bomb is noticed by what it declares, and held to it", () => {
  const limits = { ...PACKAGE_LIMITS, contentBytesMax: 1_000_000 };
  const bomb = zipOf({ "f/zeros": new Uint8Array(50_000_000) });
  assertEquals(openPackage(bomb, limits), "the zip holds more than 1000000 bytes");
  const liar = edited(bomb, CENTRAL, 0, (view, at) => view.setUint32(at + 24, 100, true));
  assertEquals(openPackage(liar, limits), '"f/zeros" does not unpack to its declared size');
});

Deno.test("too many files and too large a zip are refused", () => {
  const many = zipOf(
    Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`f/${i}`, utf8("x")])),
  );
  assertEquals(
    openPackage(many, { ...PACKAGE_LIMITS, filesMax: 4 }),
    "the zip holds 5 files; at most 4 are allowed",
  );
  assertEquals(
    openPackage(many, { ...PACKAGE_LIMITS, filesMax: 2 }),
    "the zip lists 5 entries; too many",
  );
  assert(
    String(openPackage(many, { ...PACKAGE_LIMITS, zipBytesMax: 100 })).includes("at most 100"),
  );
});

Deno.test("a package cut at any byte, or with any byte changed, never throws", () => {
  const zip = packFiles("f", new Map([["app.ts", utf8("abc")], ["b", utf8("d")]])).zip;
  for (let cut = 0; cut < zip.length; cut++) {
    assert(typeof openPackage(zip.subarray(0, cut)) === "string", `cut at ${cut}`);
  }
  for (let at = 0; at < zip.length; at++) {
    const changed = zip.slice();
    changed[at] ^= 0xff;
    openPackage(changed);
  }
});

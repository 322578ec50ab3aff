/** The drivers of real TEEs, over fakes that serve real and self-made evidence. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { decode, encode } from "cborg";
import {
  encodeUserData,
  type Evidence,
  measurementsUnverified,
  parsePolicy,
  verifyEvidence,
} from "../../lib/attestation/mod.ts";
import { concat, fromBase64 } from "../../lib/base/bytes.ts";
import { FumataError } from "../../lib/base/errors.ts";
import { parseSnpReport } from "../../lib/attestation/snp_format.ts";
import { fetchCertificate, vcekFor, vcekUrl } from "../../lib/tee/amd_key_service.ts";
import { readTsmReport, tsmFolder } from "../../lib/tee/configfs_tsm.ts";
import { openTee } from "../../lib/tee/mod.ts";
import { openNitroTee } from "../../lib/tee/nitro.ts";
import { nsmDevice } from "../../lib/tee/nsm_device.ts";
import { openSnpTee, openTdxTee } from "../../lib/tee/snp_tdx.ts";
import type { TeeDriver } from "../../lib/tee/types.ts";
import { MADE_AT, makeAmd, makeIntel, pemOf } from "../attestation/_makers.ts";
import { vectorBytes, vectorTest } from "../attestation/_vectors.ts";
import { fakeTsm, type FakeTsmOptions } from "./_fake_tsm.ts";

const amd = makeAmd();
const intel = makeIntel();
const request = {
  nonce: new Uint8Array(16).fill(1),
  sessionKey: new Uint8Array(32).fill(2),
  userData: encodeUserData({
    functionChecksum: new Uint8Array(32).fill(3),
    certificateKid: "BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ",
    resultKey: new Uint8Array(270).fill(5),
    isolation: "unshare",
  }),
};
const context = {
  at: MADE_AT,
  nonce: request.nonce,
  functionChecksum: new Uint8Array(32).fill(3),
  certificateKid: "BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ",
};
const noWait = () => Promise.resolve();

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function snpTee(
  cacheFolder: string,
  options: Partial<FakeTsmOptions> & { fetchBytes?: (url: string) => Promise<Uint8Array> } = {},
): TeeDriver {
  const folder = fakeTsm({ provider: "sev_guest", report: amd.report, ...options });
  return openSnpTee({ folder, cacheFolder, wait: noWait, fetchBytes: options.fetchBytes });
}

function acceptedByAmd(evidence: Evidence): void {
  const policy = parsePolicy({
    platform: "snp",
    roots: amd.rootsPem,
    measurements: measurementsUnverified(evidence),
    isolation: ["unshare"],
  });
  deepStrictEqual(verifyEvidence(evidence, policy, context).failures, []);
  const stricter = { ...policy, isolation: ["quickjs"] as const };
  const { failures } = verifyEvidence(evidence, stricter, context);
  deepStrictEqual(failures.map((failure) => failure.check), ["isolation"]);
}

/** A certificate table with one entry, as the kernel gives it. */
function tableOf(guidHex: string, certificate: Uint8Array): Uint8Array {
  const entry = new Uint8Array(48);
  entry.set(guidHex.match(/../g)!.map((byte) => parseInt(byte, 16)));
  const view = new DataView(entry.buffer);
  view.setUint32(16, entry.length, true);
  view.setUint32(20, certificate.length, true);
  return concat(entry, certificate);
}

const VCEK_GUID = "63da758de6644564adc5f4b93be8accd";

Deno.test("an SNP guest's evidence binds nonce, keys and function, and its verifier accepts it", () =>
  withFolder(async (folder) => {
    const evidence = await snpTee(folder, { auxblob: tableOf(VCEK_GUID, amd.vcek) }).attest(
      request,
    );
    deepStrictEqual(evidence.endorsements, [amd.vcek]);
    acceptedByAmd(evidence);
  }));

Deno.test("a TDX guest's evidence binds nonce, keys and function, and its verifier accepts it", async () => {
  const folder = fakeTsm({ provider: "tdx_guest", report: intel.quote });
  const evidence = await openTdxTee({ folder, wait: noWait }).attest(request);
  const policy = parsePolicy({
    platform: "tdx",
    roots: intel.rootPem,
    measurements: measurementsUnverified(evidence),
  });
  deepStrictEqual(verifyEvidence(evidence, policy, context).failures, []);
  deepStrictEqual(folder.entries.size, 0);
});

vectorTest("a driver passes real reports and quotes on as they are", async () => {
  const report = vectorBytes("snp/genoa-v3-production.report.bin");
  const auxblob = vectorBytes("snp/genoa-v3-production.auxblob.bin");
  const evidence = await snpTee("", { report: () => report, auxblob }).attest(request);
  const policy = parsePolicy({ platform: "snp", measurements: "insecure-any-measurement" });
  const { bound: _bound, ...bare } = evidence;
  ok(verifyEvidence(bare, policy, { at: new Date("2025-09-01T00:00:00Z") }).accepted);
  // The real report binds what its own guest wanted, not what was asked for here.
  const verdict = verifyEvidence(evidence, policy, { at: new Date("2025-09-01T00:00:00Z") });
  deepStrictEqual(verdict.failures.map((failure) => failure.check), ["binding"]);

  const quote = vectorBytes("tdx/v5-google-td15-2026.quote.bin");
  const folder = fakeTsm({ provider: "tdx_guest", report: () => quote });
  deepStrictEqual((await openTdxTee({ folder, wait: noWait }).attest(request)).document, quote);
});

Deno.test("a busy device and a foreign write are tried again in a folder of their own, then given up", async () => {
  const data = new Uint8Array(64).fill(7);
  const options = { provider: "sev_guest", report: amd.report };
  for (const trouble of [{ busyReads: 3 }, { foreignWrites: 3 }]) {
    const folder = fakeTsm({ ...options, ...trouble });
    const waits: number[] = [];
    const report = await readTsmReport(folder, data, (ms) => {
      waits.push(ms);
      return Promise.resolve();
    });
    deepStrictEqual(report.outblob.slice(0x50, 0x90), data);
    deepStrictEqual(waits, [100, 200, 300]);
    strictEqual(new Set(folder.made).size, 4);
    strictEqual(folder.entries.size, 0);
  }
  for (const trouble of [{ busyReads: 99 }, { foreignWrites: 99 }]) {
    const folder = fakeTsm({ ...options, ...trouble });
    await rejects(readTsmReport(folder, data, noWait), /10 times/);
    strictEqual(folder.entries.size, 0);
  }
});

Deno.test("a device that fails, lacks or answers nonsense is an error that says so, and leaves no folder", async () => {
  const failing: [FakeTsmOptions, RegExp][] = [
    [{ provider: "sev_guest", report: amd.report, broken: new Error("EIO") }, /EIO/],
    [{ provider: "sev_guest", report: () => new Uint8Array(0) }, /empty/],
    [{ provider: "tdx_guest", report: amd.report }, /provider is "tdx_guest"/],
  ];
  for (const [options, pattern] of failing) {
    const folder = fakeTsm(options);
    const tee = openSnpTee({ folder, cacheFolder: "", wait: noWait });
    await rejects(tee.attest(request), (thrown) => {
      ok(thrown instanceof FumataError);
      match(thrown.message, pattern);
      return true;
    });
    strictEqual(folder.entries.size, 0);
  }
  const absent = openTdxTee({ folder: tsmFolder("/nonexistent/report"), wait: noWait });
  await rejects(absent.attest(request), /configfs-tsm/);
});

Deno.test("the real folder's operations work on files that are there", () =>
  withFolder(async (base) => {
    const folder = tsmFolder(base);
    await folder.make("entry");
    await Deno.writeFile(`${base}/entry/inblob`, new Uint8Array(64));
    await folder.write("entry", "inblob", new Uint8Array(64).fill(1));
    deepStrictEqual(await folder.read("entry", "inblob"), new Uint8Array(64).fill(1));
    await rejects(folder.write("entry", "other", new Uint8Array(1)), Deno.errors.NotFound);
    await Deno.remove(`${base}/entry/inblob`);
    await folder.remove("entry");
    deepStrictEqual([...Deno.readDirSync(base)], []);
  }));

Deno.test("the chip's certificate comes from AMD once, and from the folder from then on", () =>
  withFolder(async (folder) => {
    const urls: string[] = [];
    const fetchBytes = (url: string) => {
      urls.push(url);
      return Promise.resolve(amd.vcek);
    };
    for (let start = 0; start < 3; start++) {
      acceptedByAmd(await snpTee(folder, { fetchBytes }).attest(request));
    }
    const chip = "01".repeat(64);
    deepStrictEqual(urls, [
      `https://kdsintf.amd.com/vcek/v1/Milan/${chip}?blSPL=01&teeSPL=02&snpSPL=03&ucodeSPL=04`,
    ]);
    // A file that was damaged is fetched again.
    const [file] = [...Deno.readDirSync(folder)];
    await Deno.writeTextFile(`${folder}/${file.name}`, "damaged");
    acceptedByAmd(await snpTee(folder, { fetchBytes }).attest(request));
    strictEqual(urls.length, 2);
  }));

Deno.test("files that the operator names come before everything else", () =>
  withFolder(async (folder) => {
    const path = `${folder}/vcek.pem`;
    await Deno.writeTextFile(path, pemOf(amd.vcek));
    const tsm = fakeTsm({ provider: "sev_guest", report: amd.report });
    const open = (file: string) =>
      openSnpTee({ folder: tsm, cacheFolder: folder, endorsementFiles: [file], wait: noWait });
    acceptedByAmd(await open(path).attest(request));
    await rejects(open(`${folder}/none`).attest(request), /Cannot use endorsement/);
    await Deno.writeTextFile(path, "nonsense");
    await rejects(open(path).attest(request), /Cannot use endorsement/);
  }));

Deno.test("a key service that fails, or answers another certificate, is an error", () =>
  withFolder(async (folder) => {
    const attestWith = (fetchBytes: () => Promise<Uint8Array>) =>
      snpTee(folder, { fetchBytes }).attest(request);
    await rejects(attestWith(() => Promise.reject(new Error("HTTP status 429"))), /429/);
    await rejects(attestWith(() => Promise.resolve(amd.ask)), /something else/);
    await rejects(attestWith(() => Promise.resolve(new Uint8Array(5))), /something else/);
    // The certificate of the same chip before its firmware was updated.
    const updated = (data: Uint8Array) => amd.report(data, { 0x180: Uint8Array.of(2) });
    await rejects(
      snpTee(folder, { report: updated, fetchBytes: () => Promise.resolve(amd.vcek) }).attest(
        request,
      ),
      /something else/,
    );
    const vlek = amd.report(new Uint8Array(64), { 0x48: Uint8Array.of(4) });
    await rejects(vcekFor(vlek, { folder }), /VLEK/);
    const unknown = amd.report(new Uint8Array(64), { 0: Uint8Array.of(2) });
    await rejects(vcekFor(unknown, { folder }), /--endorsement/);
    await rejects(vcekFor(new Uint8Array(3), { folder }), /3 bytes/);
  }));

vectorTest(
  "the address of a certificate names chip and firmware as AMD wants it, on Turin with its eight bytes",
  () => {
    const report = parseSnpReport(vectorBytes("snp/turin-v5-production.report.bin"));
    strictEqual(
      vcekUrl(report, "Turin"),
      "https://kdsintf.amd.com/vcek/v1/Turin/3b42092f69c656d3" +
        "?fmcSPL=00&blSPL=01&teeSPL=00&snpSPL=02&ucodeSPL=71",
    );
  },
);

vectorTest(
  "the Nitro driver asks the module as AWS specifies and passes its document on",
  async () => {
    const document = vectorBytes("nitro/cape-2022-09-15-production-nonce-userdata-publickey.cose");
    let asked: unknown;
    const tee = openNitroTee({
      exchange(message) {
        asked = decode(message);
        return encode({ Attestation: { document } });
      },
    });
    const nonce = fromBase64("R7X7ppecv35WfiYp")!;
    const evidence = await tee.attest({ ...request, nonce });
    deepStrictEqual(asked, {
      Attestation: { nonce, public_key: request.sessionKey, user_data: request.userData },
    });
    const policy = parsePolicy({
      platform: "nitro",
      measurements: measurementsUnverified(evidence),
    });
    const at = new Date("2022-09-15T17:43:33Z");
    deepStrictEqual(verifyEvidence(evidence, policy, { at, nonce }).failures, []);
  },
);

Deno.test("errors and nonsense of the Nitro module are an error that says so", async () => {
  const answers: [() => Uint8Array, RegExp][] = [
    [() => encode({ Error: "InvalidArgument" }), /InvalidArgument/],
    [() => encode("DescribeNSM"), /not a map/],
    [() => encode({ Attestation: {} }), /no document/],
    [() => encode({ Attestation: 1 }), /no document/],
    [() => new Uint8Array([0xff]), /./],
    [() => new Uint8Array(0), /./],
    [
      () => {
        throw new Error("EINTR");
      },
      /EINTR/,
    ],
  ];
  for (const [exchange, pattern] of answers) {
    await rejects(openNitroTee({ exchange }).attest(request), (thrown) => {
      ok(thrown instanceof FumataError);
      match(thrown.message, pattern);
      return true;
    });
  }
  const tooLong = openNitroTee({ exchange: () => encode({}) });
  await rejects(tooLong.attest({ ...request, userData: new Uint8Array(0x1000) }), /4096 fit/);
});

Deno.test("without its device the Nitro driver is an error that names it", async () => {
  const tee = openNitroTee(nsmDevice("/nonexistent/nsm"));
  await rejects(tee.attest(request), /\/nonexistent\/nsm/);
});

Deno.test("a device that is no Nitro module refuses the request", async () => {
  await rejects(openNitroTee(nsmDevice("/dev/null")).attest(request), /refuses the request/);
});

Deno.test("auto finds the TEE of the machine, and never takes the simulated one", () =>
  withFolder(async (dataFolder) => {
    const options = { dataFolder, version: "1.2.3" };
    const auto = async (provider: string) => {
      const tsm = fakeTsm({ provider, report: amd.report });
      return (await openTee("auto", { ...options, tsm, nsmPath: "/nonexistent/nsm" })).platform;
    };
    strictEqual(await auto("sev_guest"), "snp");
    strictEqual(await auto("tdx_guest"), "tdx");
    await rejects(auto("arm_cca_guest"), /--tee simulated/);
    const none = { ...options, tsm: tsmFolder(`${dataFolder}/none`) };
    await rejects(openTee("auto", { ...none, nsmPath: "/nonexistent/nsm" }), /--tee simulated/);
    strictEqual((await openTee("auto", { ...none, nsmPath: "/dev/null" })).platform, "nitro");
    strictEqual((await openTee("simulated", none)).platform, "simulated");
    for (const tee of ["nitro", "snp", "tdx"] as const) {
      strictEqual((await openTee(tee, none)).platform, tee);
    }
    const endorsementFiles = ["vcek.der"];
    strictEqual((await openTee("snp", { ...none, endorsementFiles })).platform, "snp");
    for (const tee of ["simulated", "nitro", "tdx"] as const) {
      await rejects(openTee(tee, { ...none, endorsementFiles }), /they are for snp/);
    }
  }));

Deno.test("an answer in place of a chip's certificate is read no further than a certificate can be", async () => {
  let sent = 0;
  const part = new Uint8Array(8 * 1024);
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += part.length;
        controller.enqueue(part);
      },
    });
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/endless") return new Response(body());
    return pathname === "/none" ? new Response("x", { status: 404 }) : new Response(part);
  });
  const base = `http://127.0.0.1:${server.addr.port}`;
  await rejects(fetchCertificate(`${base}/endless`), /more than 16384 bytes came/);
  ok(sent < 64 * 1024 * 1024, String(sent));
  await rejects(fetchCertificate(`${base}/none`), /HTTP status 404/);
  strictEqual((await fetchCertificate(`${base}/good`)).length, part.length);
});

import { decodeAnnounce, encodeAnnounce } from "@net/discovery/announce.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { fromHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { type ManualClock, manualClock } from "@tests/fakes/clock.ts";
import { custody } from "@tests/fakes/custody.ts";
import { type FakeStream, streamPair } from "@tests/fakes/streams.ts";
import { test } from "@tests/fakes/test.ts";
import { Announcer, fetchAnnounce } from "./announcer.ts";
import { type Cause, refusalOf } from "./refusal.ts";

const BOOT = new Uint8Array(16).fill(4);

async function announcer(seed: number, clock = manualClock(1_700_000_000_000)) {
  const { keys, local } = await custody(seed);
  return new Announcer({ keys, clock }, { local, bootId: BOOT, port: 7_401 });
}

async function made(by: Announcer): Promise<Uint8Array> {
  const bytes = await by.make();
  ok(bytes !== undefined);
  return bytes;
}

test("Announcer makes announces that others find valid, each newer than the last", async () => {
  const [own, other] = [await announcer(1), await announcer(2)];
  const announces = [await made(own), await made(own), await made(own)].map(decodeAnnounce);
  deepEqual(announces.map((announce) => other.judge(announce)), ["valid", "valid", "valid"]);
  const [first] = announces;
  ok(first?.envelope !== undefined);
  equal(other.judge(first), "replayed");
  deepEqual([first.announce.port, first.announce.services], [7_401, ["samgrd"]]);
  deepEqual(first.envelope.bootId, BOOT);
});

test("Announcer knows its own announce, and one of its key in another boot", async () => {
  const own = await announcer(1);
  const announce = decodeAnnounce(await made(own));
  equal(own.judge(announce), "self");
  const { keys, local } = await custody(1);
  const self = { local, bootId: new Uint8Array(16).fill(5), port: 1 };
  equal(new Announcer({ keys, clock: manualClock() }, self).judge(announce), "clone");
});

test("Announcer's announces expire after ten minutes, and not before", async () => {
  const clock = manualClock(1_700_000_000_000);
  const [own, other] = [await announcer(1), await announcer(2, clock)];
  const [early, late] = [decodeAnnounce(await made(own)), decodeAnnounce(await made(own))];
  clock.advanceMs(10 * 60_000 - 1);
  equal(other.judge(early), "valid");
  clock.advanceMs(1);
  equal(other.judge(late), "expired");
});

/** What a fetch ends with when the other end does `work`. */
async function fetched(
  work: (far: FakeStream, clock: ManualClock) => Promise<unknown>,
): Promise<string> {
  const clock = manualClock();
  const [near, far] = streamPair(clock);
  const outcome: Promise<string | Cause> = fetchAnnounce(near, clock, 5_000 * 1e6).then(
    ({ announce }) => announce.deviceId,
    (error) => refusalOf(error).reason,
  );
  await work(far, clock);
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
  clock.advanceMs(5_000);
  return await outcome;
}

test("fetchAnnounce asks with five bytes and reads until the other end closes", async () => {
  const bytes = await made(await announcer(1));
  const { announce: { deviceId } } = decodeAnnounce(bytes);
  equal(
    await fetched(async (far) => {
      const asked = await far.read(1);
      deepEqual(asked, { status: "ok", bytes: fromHex("4e58534200") });
      await far.write(bytes.slice(0, 50), 1);
      await far.write(bytes.slice(50), 1);
      await far.close();
    }),
    deviceId,
  );
});

test("fetchAnnounce believes in no device id that none can have", async () => {
  for (const deviceId of ["x", `${"ab".repeat(31)}a\n`, "AB".repeat(32), `${"ab".repeat(31)}a=`]) {
    const noiseStatic = new Uint8Array(32).fill(9);
    const bytes = encodeAnnounce({ deviceId, port: 1, noiseStatic, services: [] });
    const outcome = await fetched(async (far) => {
      await far.write(bytes.slice(), 1);
      await far.close();
    });
    equal(outcome, "announce_malformed", deviceId);
  }
});

test("fetchAnnounce names every other end of it", async () => {
  equal(await fetched((far) => far.close()), "no_announce");
  equal(await fetched((far) => far.abort()), "connection_reset");
  equal(await fetched(() => Promise.resolve()), "handshake_timeout");
  equal(await fetched((far) => far.write(new Uint8Array(2_000), 1)), "announce_malformed");
  const bytes = await made(await announcer(1));
  equal(
    await fetched(async (far) => {
      await far.write(concatBytes(bytes.subarray(0, 60)).slice(), 1);
      await far.close();
    }),
    "announce_cut",
  );
  equal(
    await fetched(async (far) => {
      // Whole, but the connection stays open: a hint that never ends is none.
      await far.write(bytes.slice(), 1);
    }),
    "handshake_timeout",
  );
});

import { toHex } from "@runtime/core/hex.ts";
import { Secret } from "@runtime/core/secret.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { MemoryState, memoryStatePorts } from "@tests/fakes/memory_state.ts";
import { test } from "@tests/fakes/test.ts";
import { journalOver } from "../host_journal.ts";
import { openStore } from "../open_store.ts";
import { type OpenedState, openState, randomOver, type StateAsk } from "./open_state.ts";
import { SECTORS_MIN } from "./state_facts.ts";
import { StateFailure, type StateFailureCode } from "./state_failure.ts";

const DIR = "/s";
const CREATE = { create: { sectorCount: SECTORS_MIN } } as const;

function passphrase(text = "correct horse"): Secret {
  return new Secret(new TextEncoder().encode(text));
}

async function refuses(
  code: StateFailureCode,
  host: MemoryState,
  ask: StateAsk = {},
): Promise<StateFailure> {
  let failure: unknown;
  const steps = host.done.length;
  await rejects(openState(memoryStatePorts(host, 5), DIR, ask), (error) => {
    failure = error;
    return error instanceof StateFailure && error.code === code;
  });
  deepEqual(host.done.slice(steps), [], "a refusal changes nothing");
  ok(failure instanceof StateFailure);
  return failure;
}

/** What a state directory is, to compare: which image, under which key. */
function identity({ recordKey, imageId, facts }: OpenedState): string {
  return `${recordKey.use(toHex)} ${toHex(imageId)} ${facts.rekeys}`;
}

async function made(host: MemoryState, ask: StateAsk = CREATE, seed = 1): Promise<string> {
  const state = await openState(memoryStatePorts(host, seed), DIR, ask);
  const text = identity(state);
  await state.close();
  ok(state.recordKey.wiped);
  return text;
}

test("openState makes a directory whose image opens with its key, once", async () => {
  const host = new MemoryState();
  const state = await openState(memoryStatePorts(host), DIR, CREATE);
  deepEqual([state.made, state.disk.sectorCount], ["now", SECTORS_MIN]);
  deepEqual(state.folder.names(), ["record.key", "state.img", "state.json"]);
  const { recordKey, imageId } = state;
  const random = randomOver(memoryStatePorts(host, 2).entropy);
  const opened = await openStore({ disk: journalOver(state.disk), random, recordKey, imageId });
  equal(opened.status, "ok");
  const first = identity(state);
  await state.close();
  const again = await openState(memoryStatePorts(host, 3), DIR, {});
  deepEqual([again.made, identity(again)], ["before", first]);
  await again.close();
  equal(await made(host, CREATE, 4), first);
  await refuses("exists", host, { ...CREATE, mustBeNew: true });
});

test("openState cut at any step is completed by the next, with the key that was drawn", async () => {
  const whole = new MemoryState();
  await made(whole);
  ok(whole.steps > 8);
  for (let cut = 0; cut < whole.steps; cut++) {
    for (const unflushed of ["kept", "lost"] as const) {
      const host = new MemoryState();
      host.cutAt = cut;
      await rejects(openState(memoryStatePorts(host), DIR, CREATE), StateFailure);
      const after = host.after(unflushed);
      const drawn = after.folders.get(DIR)?.get("record.key")?.bytes.slice();
      const state = await openState(memoryStatePorts(after, 9), DIR, CREATE);
      deepEqual(state.folder.names(), ["record.key", "state.img", "state.json"]);
      if (drawn !== undefined) deepEqual(state.folder.read("record.key", 65), drawn, `${cut}`);
      await state.close();
    }
  }
});

test("openState puts a new directory under a passphrase, and opens it with that one alone", async () => {
  const host = new MemoryState();
  const state = await openState(memoryStatePorts(host), DIR, {
    ...CREATE,
    passphrase: passphrase(),
  });
  deepEqual(state.folder.names(), ["state.img", "state.json"]);
  const first = identity(state);
  await state.close();
  equal(await made(host, { passphrase: passphrase() }), first);
  await refuses("passphrase_needed", host);
  await refuses("wrong_key", host, { passphrase: passphrase("correct house") });
});

test("openState gives a directory to one process at a time, and says which it is", async () => {
  const host = new MemoryState();
  const state = await openState(memoryStatePorts(host), DIR, CREATE);
  const { message } = await refuses("busy", host);
  ok(message.startsWith(`${DIR} is in use by another process`) && message.includes("use another"));
  await state.close();
  await made(host);
});

test("openState refuses what is no state directory, and puts nothing into it", async () => {
  await refuses("absent", new MemoryState());
  const host = new MemoryState();
  host.folders.set(DIR, new Map());
  await refuses("absent", host);
  deepEqual(host.holds, [], "not even a lock is left there");
  const held = await host.hold(DIR);
  held.create("holiday.jpg", new Uint8Array(1));
  held.release();
  await refuses("not_empty", host, CREATE);
});

type Files = Map<string, { bytes: Uint8Array }>;

/** Takes a state directory, changes it, and expects that it is refused as it is. */
async function refusedAfter(
  code: StateFailureCode,
  change: (files: Files) => void,
  ask: StateAsk = CREATE,
): Promise<void> {
  const host = new MemoryState();
  await made(host);
  change(host.folders.get(DIR) ?? new Map());
  await refuses(code, host, ask);
}

test("openState replaces no key, image or state.json that is lost or cannot be read", async () => {
  await refusedAfter("key_missing", (files) => files.delete("record.key"));
  await refusedAfter("image_missing", (files) => files.delete("state.img"));
  await refusedAfter("no_facts", (files) => files.delete("state.json"));
  const changed = (name: string, bytes: Uint8Array) => (files: Files) => {
    const file = files.get(name);
    ok(file !== undefined);
    file.bytes = bytes;
  };
  for (const length of [0, 63, 66, 5000]) {
    await refusedAfter("bad_key", changed("record.key", new Uint8Array(length).fill(0x61)));
  }
  await refusedAfter("bad_key", changed("record.key", new Uint8Array(64).fill(0x41)));
  await refusedAfter("bad_key", changed("record.key", new Uint8Array(65).fill(0x61)));
  await refusedAfter("wrong_key", changed("record.key", new Uint8Array(64).fill(0x61)));
  await refusedAfter("bad_facts", changed("state.json", new Uint8Array(0)));
  await refusedAfter("bad_facts", changed("state.json", new Uint8Array(5000)));
  await refusedAfter("image_resized", changed("state.img", new Uint8Array(512 * 64)));
  await refusedAfter("passphrase_unasked", () => {}, { passphrase: passphrase() });
});

/** A directory whose making was cut off behind the step that `what` names. */
async function begunUntil(what: string, ask: StateAsk = CREATE): Promise<MemoryState> {
  const whole = new MemoryState();
  await made(whole, ask);
  const host = new MemoryState();
  host.cutAt = whole.done.indexOf(what) + 1;
  await rejects(openState(memoryStatePorts(host), DIR, ask), StateFailure);
  return host.after("lost");
}

test("openState that refuses lets others have image and directory", async () => {
  const host = new MemoryState();
  await made(host);
  const image = host.folders.get(DIR)?.get("state.img");
  ok(image !== undefined);
  const whole = image.bytes;
  image.bytes = whole.slice(512);
  await refuses("image_resized", host);
  image.bytes = whole;
  await made(host);
});

test("openState completes a making that was cut off only when it is asked for the same", async () => {
  await refuses("absent", await begunUntil("create record.key"));
  await refuses("key_left", await begunUntil("create record.key"), {
    ...CREATE,
    passphrase: passphrase(),
  });
  await refuses("absent", await begunUntil("create state.json"));
  const larger = { create: { sectorCount: 2 * SECTORS_MIN } };
  await refuses("other_size", await begunUntil("create state.json"), larger);
  const host = await begunUntil("create state.img");
  const state = await openState(memoryStatePorts(host, 2), DIR, { ...CREATE, mustBeNew: true });
  equal(state.made, "completed");
  await state.close();
});

test("openState removes what a cut left, once what is in use was opened", async () => {
  const host = new MemoryState();
  await made(host);
  const id = "01234567-89ab-cdef-0123-456789abcdef";
  const left = ["state.1.img", "record.1.key", `record.1.key.${id}.new`, `state.img.${id}.new`];
  const held = await host.hold(DIR);
  for (const name of [...left, "control.sock", "state.old.img"]) {
    held.create(name, new Uint8Array(1));
  }
  held.release();
  await refuses("passphrase_unasked", host, { passphrase: passphrase() });
  host.done.length = 0;
  await made(host);
  deepEqual(host.done, [
    "sync",
    ...["shred record.1.key", `shred record.1.key.${id}.new`],
    ...["remove state.1.img", `remove state.img.${id}.new`],
  ]);
  deepEqual(host.look(DIR), [
    ...["control.sock", "record.key", "state.img", "state.json", "state.old.img"],
  ]);
});

test("openState draws no key from a host without random bytes", async () => {
  const ports = { ...memoryStatePorts(), entropy: { fill: () => 0 } };
  await rejects(
    openState(ports, DIR, CREATE),
    (error) => error instanceof StateFailure && error.code === "no_entropy",
  );
  deepEqual(ports.host.look(DIR), []);
});

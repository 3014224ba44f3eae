import { FileFailure, type StopSignal } from "@runtime/core/program_ports.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { hostKeyboard, type KeyInput } from "./keyboard.ts";

/** A terminal that types what a test says, and remembers when it showed what is typed. */
function terminal(...reads: readonly (string | null | Error)[]) {
  const left = [...reads];
  const said: string[] = [];
  const stops = new Set<(signal: StopSignal) => void>();
  const input: KeyInput = {
    isTerminal: () => true,
    setRaw: (wanted) => void said.push(wanted ? "hidden" : "shown"),
    read(into) {
      const next = left.shift();
      if (next === undefined) return new Promise(() => {});
      if (next instanceof Error) return Promise.reject(next);
      if (next === null) return Promise.resolve(null);
      const bytes = new TextEncoder().encode(next);
      into.set(bytes);
      return Promise.resolve(bytes.length);
    },
  };
  const error = {
    writeSync(bytes: Uint8Array) {
      said.push(new TextDecoder().decode(bytes));
      return bytes.length;
    },
  };
  const onStop = (stop: (signal: StopSignal) => void) => {
    stops.add(stop);
    return () => void stops.delete(stop);
  };
  const keyboard = hostKeyboard({ input, error, onStop });
  const ask = async (lengthMax = 64) => {
    const given = await keyboard.hiddenLine("? ", lengthMax);
    return given.status === "ok" ? new TextDecoder().decode(given.line) : { not: given.status };
  };
  return { ask, keyboard, said, stops, more: (text: string) => void left.push(text) };
}

/** What is said around every question. */
const AROUND = ["hidden", "? ", "shown", "\n"];

test("hostKeyboard hides what is typed before it asks, and shows it again", async () => {
  const { ask, keyboard, said, stops } = terminal("pass", "word\r");
  ok(keyboard.interactive);
  equal(await ask(), "password");
  deepEqual([said, stops.size], [AROUND, 0]);
});

test("hostKeyboard shows it again after each way out", async () => {
  const ends = [
    ["\u0003", { not: "interrupted" }],
    ["ab\u0003", { not: "interrupted" }],
    ["\u0004", { not: "ended" }],
    [null, { not: "ended" }],
    [`${"x".repeat(65)}\r`, { not: "too_long" }],
  ] as const;
  for (const [read, end] of ends) {
    const { ask, said, stops } = terminal(read);
    deepEqual(await ask(), end);
    deepEqual([said, stops.size], [AROUND, 0]);
  }
  const broken = terminal(new Deno.errors.BadResource("gone"));
  await rejects(broken.ask(), FileFailure);
  deepEqual([broken.said, broken.stops.size], [AROUND, 0]);
});

test("hostKeyboard shows it again at a signal, while nothing is typed", async () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const { ask, said, stops } = terminal();
    const asked = ask();
    equal(stops.size, 1);
    for (const stop of [...stops]) stop(signal);
    deepEqual(await asked, { not: "interrupted" });
    deepEqual([said, stops.size], [AROUND, 0]);
  }
});

test("hostKeyboard hears no signal any more where nothing could be hidden", async () => {
  const stops = new Set<unknown>();
  const onStop = (stop: unknown) => {
    stops.add(stop);
    return () => void stops.delete(stop);
  };
  const input: KeyInput = {
    isTerminal: () => false,
    setRaw() {
      throw new Deno.errors.BadResource("no terminal");
    },
    read: () => Promise.resolve(null),
  };
  const keyboard = hostKeyboard({ input, error: { writeSync: ({ length }) => length }, onStop });
  equal(keyboard.interactive, false);
  await rejects(keyboard.hiddenLine("? ", 8), FileFailure);
  equal(stops.size, 0);
});

test("hostKeyboard gives what came behind one line to the next, and reads a long one to its end", async () => {
  const { ask } = terminal("first\nsecond\n", `${"x".repeat(100)}`, "xx\rfourth\r");
  equal(await ask(), "first");
  equal(await ask(), "second");
  deepEqual(await ask(), { not: "too_long" });
  equal(await ask(), "fourth", "no part of the long one is left for whoever reads next");
});

test("hostKeyboard reads a line of a pipe as it is, and hides nothing", async () => {
  const { keyboard, said } = terminal("a\tb\r", "c\nrest");
  const given = await keyboard.inputLine(64);
  ok(given.status === "ok");
  equal(new TextDecoder().decode(given.line), "a\tb\rc");
  deepEqual(said, []);
  deepEqual(await terminal("no line feed", null).keyboard.inputLine(64), { status: "ended" });
  deepEqual(await terminal("too long\n").keyboard.inputLine(4), { status: "too_long" });
});

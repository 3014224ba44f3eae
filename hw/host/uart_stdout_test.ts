import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { lineConsole, writeAllSync } from "./uart_stdout.ts";

function recorded() {
  const written: string[] = [];
  const console = lineConsole((lines) => written.push(new TextDecoder().decode(lines)));
  return {
    written,
    write: (text: string) => console.write(new TextEncoder().encode(text)),
    console,
  };
}

test("lineConsole keeps a line until it is whole", () => {
  const { written, write } = recorded();
  for (const text of ["rn", "gd", ": ready", "\nnext", " one\nand", " the rest"]) write(text);
  deepEqual(written, ["rngd: ready\n", "next one\n"]);
});

test("lineConsole passes several whole lines at once and flushes the last", () => {
  const { written, write, console } = recorded();
  write("one\ntwo\nthree");
  console.flush();
  console.flush();
  deepEqual(written, ["one\ntwo\n", "three"]);
});

test("lineConsole passes a line that never ends in pieces", () => {
  const { written, write } = recorded();
  write("x".repeat(10_000));
  deepEqual(written.map((text) => text.length), [4096, 4096]);
});

test("writeAllSync writes on after a short write", () => {
  const written: number[] = [];
  const target = {
    writeSync(bytes: Uint8Array) {
      written.push(...bytes.subarray(0, 2));
      return Math.min(2, bytes.length);
    },
  };
  equal(writeAllSync(target, Uint8Array.of(1, 2, 3, 4, 5)), true);
  deepEqual(written, [1, 2, 3, 4, 5]);
});

test("writeAllSync waits for a full pipe", () => {
  let refusals = 2;
  const writeSync = (bytes: Uint8Array) => {
    if (refusals-- > 0) throw new Deno.errors.WouldBlock("full");
    return bytes.length;
  };
  equal(writeAllSync({ writeSync }, Uint8Array.of(1)), true);
});

test("writeAllSync tells a reader that went away from other errors", () => {
  const failing = (error: Error) => ({
    writeSync: (): number => {
      throw error;
    },
  });
  equal(writeAllSync(failing(new Deno.errors.BrokenPipe("gone")), Uint8Array.of(1)), false);
  const closed = Object.assign(new Error("Input/output error"), { code: "EIO" });
  equal(writeAllSync(failing(closed), Uint8Array.of(1)), false);
  throws(() => writeAllSync(failing(new Deno.errors.BadResource("bug")), Uint8Array.of(1)));
});

import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { holds, randomBytesRepeat } from "./first_bytes.ts";

test("holds finds a part wherever it stands, and no other", () => {
  const whole = Uint8Array.of(1, 1, 2, 3, 1, 2, 4);
  for (const part of [[1], [1, 1], [1, 2, 4], [4], [...whole]]) {
    equal(holds(whole, Uint8Array.from(part)), true, `${part}`);
  }
  for (const part of [[5], [1, 2, 5], [4, 1], [2, 4, 1], [...whole, 1]]) {
    equal(holds(whole, Uint8Array.from(part)), false, `${part}`);
  }
});

test("randomBytesRepeat says no of random bytes", async () => {
  equal(await randomBytesRepeat(), false);
});

test("randomBytesRepeat says yes under --seed, however many bytes were drawn before", async () => {
  const address = new URL("first_bytes.ts", import.meta.url);
  for (const drawn of [0, 5, 16, 40_001]) {
    const source = `
      import { randomBytesRepeat } from "${address}";
      crypto.getRandomValues(new Uint8Array(${drawn}));
      console.log(await randomBytesRepeat());`;
    for (const [flags, repeat] of [[["--seed=1"], "true"], [[], "false"]] as const) {
      const args = ["eval", ...flags, source];
      const { stdout } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
      equal(new TextDecoder().decode(stdout).trim(), repeat, `${flags} after ${drawn} bytes`);
    }
  }
});

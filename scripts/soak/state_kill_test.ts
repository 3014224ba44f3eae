import { ok, rejects } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { inWorld } from "@tests/os/nx_process.ts";
import { WriterRounds } from "./state_kill.ts";
import { ProductRounds } from "./state_product.ts";
import { stateSteps } from "./state_workload.ts";

const LIAR = new URL("../../tests/fakes/lying_state_writer.ts", import.meta.url).pathname;
const ROUNDS = 12;

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "nx-state-kill-test-" });
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function rounds(folder: string, program?: string): Promise<void> {
  const writers = new WriterRounds({
    folder,
    seed: 1,
    ...program === undefined ? {} : { program },
  });
  try {
    for (let round = 0; round < ROUNDS; round++) await writers.run();
  } finally {
    await writers.end();
  }
}

test("WriterRounds kill writers and find what they acknowledged", async () => {
  await inFolder((folder) => rounds(folder));
});

test("WriterRounds find a writer that acknowledges what it does not write, and keep its image", async () => {
  await inFolder(async (folder) => {
    await rejects(rounds(folder, LIAR), (error: Error) => {
      const [, kept] = /seed 1, round \d+, .* holds nothing, not .*; kept in (.+)$/.exec(
        error.message,
      ) ?? [];
      ok(kept !== undefined, error.message);
      ok(Deno.statSync(`${kept}/state.img`).isFile);
      Deno.removeSync(kept, { recursive: true });
      return true;
    });
  });
});

test("ProductRounds find a node that is another one after it was killed", async () => {
  await inWorld(async (world) => {
    const product = new ProductRounds(world);
    await product.run({ events: 1, milliseconds: 0 });
    await Deno.remove(product.folder, { recursive: true });
    await rejects(
      product.run({ events: 40, milliseconds: 0 }),
      /the device was \w+ and is \w+ after/,
    );
  });
});

test("stateSteps are the same for the same seed and round, and others for others", () => {
  const begin = (seed: number, round: number) =>
    JSON.stringify(stateSteps(seed, round).take(50).toArray());
  ok(begin(1, 2) === begin(1, 2));
  ok(begin(1, 2) !== begin(1, 3));
  ok(begin(1, 2) !== begin(2, 2));
});

import * as fc from "fast-check";
import { test } from "../fakes/test.ts";
import { modelSteps, runSteps } from "./model_run.ts";

/** `deno task fuzz --target keystore --count 10000` runs more. */
const SEQUENCES = 1_000;

test("keystored does what the model does, for any requests, clocks and restarts", async () => {
  await fc.assert(fc.asyncProperty(modelSteps, runSteps), { numRuns: SEQUENCES, seed: 159 });
});

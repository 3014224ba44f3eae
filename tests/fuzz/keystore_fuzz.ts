import * as fc from "fast-check";
import { modelSteps, runSteps } from "../keystore/model_run.ts";

/** Requests, clocks and restarts of keystored's keys, beside a model of them. */
export const name = "keystore";

export async function fuzz(seed: number): Promise<void> {
  for (const steps of fc.sample(modelSteps, { seed, numRuns: 1 })) await runSteps(steps);
}

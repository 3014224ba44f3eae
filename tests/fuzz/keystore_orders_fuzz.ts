import { ok } from "../fakes/assert.ts";
import {
  outcomeOf,
  prepared,
  type Scenario,
  sequentialOutcomes,
  type Step,
  STEPS,
} from "../keystore/interleaving.ts";
import { Choices } from "./choices.ts";

/** Requests about one key at once, by chance: as one after the other, in some order. */
export const name = "keystore_orders";

const STEPS_MAX = 4;
const TRIES = 12;

export async function fuzz(seed: number): Promise<void> {
  const choices = new Choices(seed);
  const scenario = chosenScenario(choices);
  const start = await prepared(scenario);
  const sequential = await sequentialOutcomes(scenario, start);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const choose = (count: number) => choices.below(count);
    const outcome = await outcomeOf(scenario, start, { choose });
    ok(sequential.has(outcome), `${outcome}\nis none of\n${[...sequential].join("\n")}`);
  }
}

function chosenScenario(choices: Choices): Scenario {
  const [first, ...rest] = Object.values(STEPS);
  ok(first !== undefined);
  const steps: readonly Step[] = Array.from(
    { length: choices.between(2, STEPS_MAX) },
    () => choices.pick([first, ...rest]),
  );
  if (choices.oneIn(3)) return { steps, usesMax: BigInt(choices.between(1, 2)) };
  if (choices.oneIn(3)) return { steps, ending: choices.pick(["waits", "due"]) };
  return { steps, warm: choices.oneIn(2) };
}

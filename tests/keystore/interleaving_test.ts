/**
 * Requests that come together, with every order in which the store, rngd and policyd may answer them:
 * what comes of it is what would come of them one after the other, in some order.
 *
 * @module
 */

import { ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { everyWay } from "../fakes/turnstile.ts";
import { outcomeOf, prepared, type Scenario, sequentialOutcomes, STEPS } from "./interleaving.ts";

const { sign, rotate, unseal, seal, byId, byRevocation, revoke, revokeBox, rotateBox } = STEPS;
const { destroy, cancel, create, another, trim, tend } = STEPS;

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  "two rotations": { steps: [rotate, rotate] },
  "three rotations": { steps: [rotate, rotate, rotate] },
  "a rotation and a signature": { steps: [rotate, sign, sign] },
  "a rotation and a seal": { steps: [rotateBox, seal, unseal] },
  "a revocation and an opening": { steps: [revokeBox, unseal, unseal] },
  "a revocation, a rotation and a signature": { steps: [revoke, rotate, sign] },
  "a destruction and a signature": { steps: [destroy, sign, sign] },
  "a destruction and its calling back": { steps: [destroy, cancel, sign] },
  "the end of a key and its calling back": { steps: [tend, cancel, sign], ending: "due" },
  "two new lives": { steps: [create, create, sign], ending: "due" },
  "counters and a rotation": { steps: [sign, tend, rotate] },
  "signatures at a limit": { steps: [sign, sign, sign], usesMax: 2n },
  "signatures at a limit and a rotation": { steps: [sign, sign, rotate], usesMax: 1n },
  "a rotation and a key that is named by its id": { steps: [byId, rotate] },
  "a new key and one that is named by its id": { steps: [byId, another] },
  "two that name keys by their ids, and a rotation": { steps: [byId, byId, rotate] },
  "a trim and a key that is named by its id": { steps: [rotate, trim, byId] },
  "a trim and ids that are known": { steps: [trim, byId, byRevocation], warm: true },
};

for (const [name, scenario] of Object.entries(SCENARIOS)) {
  test(`${name} at once are as one after the other`, async () => {
    const start = await prepared(scenario);
    const sequential = await sequentialOutcomes(scenario, start);
    for (const outcome of sequential) ok(!/by its id: (?!ok)/.test(outcome), outcome);
    const ways = await everyWay(async (choose) => {
      const asked: number[] = [];
      const outcome = await outcomeOf(scenario, start, {
        choose(count) {
          const answer = choose(count);
          asked.push(answer);
          return answer;
        },
      });
      ok(
        sequential.has(outcome),
        `${asked}: ${outcome}\nis none of\n${[...sequential].join("\n")}`,
      );
    });
    ok(ways > 1);
  });
}

/**
 * What each line of the ladder is worth: every row takes a proof's work away from one daemon or
 * device, and the ladder of two machines must turn red and name the line.
 *
 * @module
 */

import { failureText } from "@runtime/boot/ladder.ts";
import { LADDER_MARKERS } from "@runtime/boot/phases/manifest.gen.ts";
import type { LadderResult } from "@services/nx/ladder_run.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { climb } from "../fakes/node.ts";
import { test } from "../fakes/test.ts";
import { DEVICE_MUTATIONS } from "./mutations/devices.ts";
import { KERNEL_MUTATIONS } from "./mutations/kernel.ts";
import type { Mutation } from "./mutations/mutation.ts";
import { POLICY_MUTATIONS } from "./mutations/policy.ts";
import { SESSION_MUTATIONS } from "./mutations/session.ts";
import { KEYSTORE_MUTATIONS } from "./mutations/keystore.ts";
import { STATE_MUTATIONS } from "./mutations/state.ts";

const ALL: readonly Mutation[] = [
  ...KERNEL_MUTATIONS,
  ...POLICY_MUTATIONS,
  ...DEVICE_MUTATIONS,
  ...STATE_MUTATIONS,
  ...KEYSTORE_MUTATIONS,
  ...SESSION_MUTATIONS,
];

function shown({ machines, bootError }: LadderResult): readonly string[] {
  const failures = machines.flatMap(({ failures }) => failures.map(failureText));
  return bootError === undefined ? failures : [...failures, bootError];
}

for (const { name, replace, red, silentMs, always } of ALL) {
  test(`the ladder turns red for ${name}`, async () => {
    const result = await climb({
      components: replace(),
      ...(always === undefined ? {} : { componentsBefore: replace() }),
      ...(silentMs === undefined ? {} : { timeoutMs: silentMs }),
    });
    const named = shown(result).some((text) => [red].flat().some((each) => text.startsWith(each)));
    ok(named, shown(result).join("\n"));
    equal(result.outcome, silentMs === undefined ? "failed" : "timed_out");
  });
}

test("every probe of the selftest has a row that turns it red", () => {
  const probes = LADDER_MARKERS
    .filter(({ role, line }) => role === "required" && /^SELFTEST: .* ok$/.test(line))
    .map(({ line }) => line);
  const reds = ALL.flatMap(({ red }) => red).join("\n");
  const untouched = probes.filter((line) => {
    const stem = line.slice(0, -" ok".length);
    return !reds.includes(`'${stem} FAIL'`) && !reds.includes(`'${line}'`);
  });
  deepEqual(untouched, []);
});

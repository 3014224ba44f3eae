/**
 * What must go on after the lockdown: every daemon's modules, the primitives, TOML, the kernel's run
 * queue, turns and timers, and the language's own habits.
 *
 * @module
 */

import type { Clock, Turns } from "@runtime/core/ports.ts";
import { cryptoProviders } from "@runtime/crypto/providers.ts";
import { parseGrants } from "@services/policyd/grants.ts";
import { COMPONENTS } from "@services/registry.gen.ts";
import { parse } from "smol-toml";

/** What the worker has from before the lockdown. */
interface Kernel {
  readonly clock: Clock;
  readonly turns: Turns;
  readonly scheduler: { run(step: () => void): void };
}

/** @returns What was loaded, and what it gave. */
export async function whatWorks(
  { clock, turns, scheduler }: Kernel,
): Promise<Record<string, unknown>> {
  return {
    components: COMPONENTS.map(({ name }) => name),
    providers: cryptoProviders(),
    toml: parse("at = 1979-05-27T07:32:00Z")["at"]?.valueOf(),
    grants: parseGrants('version = 1\n[allow]\nconstructor = ["a.b"]', new Set(["a.b"])).lines(),
    date: new Date(0).toISOString() + Date.UTC(1970, 0, 2) + Date.parse("1970-01-03T00:00:00Z"),
    assigned: assigned(),
    steps: await new Promise((resolve) => scheduler.run(() => resolve("ran"))),
    later: await new Promise((resolve) => turns.later(() => resolve("ran"))),
    timer: await new Promise((resolve) =>
      turns.at(clock.nowNs() + 1e6, () => resolve(clock.unixMs() > 1e12))
    ),
  };
}

/** Assignments of names that a frozen prototype has too. */
function assigned(): unknown[] {
  const error = new TypeError("before");
  error.name = "Named";
  error.message = "after";
  const object: Record<string, unknown> = {};
  object["toString"] = () => "told";
  object["constructor"] = 1;
  return [String(error), String(object), Object.keys(object)];
}

import type { DevicePorts, Evidence } from "@runtime/boot/component.ts";
import type { Clock } from "@runtime/core/ports.ts";
import type { Syscalls } from "@runtime/core/syscalls.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";

/** What a hostile daemon has in its hands: what any daemon is given. */
export interface Loot {
  readonly call: Readonly<Record<string, object>>;
  readonly channel: Readonly<Record<string, RawChannel>>;
  readonly clock: Clock;
  readonly device: Readonly<Record<string, DevicePorts>>;
  readonly prove: (key: string, evidence: Readonly<Record<string, Evidence>>) => void;
  readonly spawn: (loop: () => Promise<void>) => void;
  readonly syscalls: Syscalls;
}

/** Tries something. What it returns goes to the test as JSON. */
export type Attempt = (loot: Loot, argument: string) => unknown;

/** What no type knows any more. */
export type Anything = Record<PropertyKey, unknown>;

/** What a step came to: its result, or the name of what it threw. */
export function outcomeOf(step: () => unknown): unknown {
  try {
    return step() ?? "nothing";
  } catch (error) {
    return error instanceof Error ? `threw ${error.name}` : "threw";
  }
}

/** How often each outcome came. */
export function counted(outcomes: readonly unknown[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes) counts[String(outcome)] = (counts[String(outcome)] ?? 0) + 1;
  return counts;
}

import type { Clock, Turns } from "@runtime/core/ports.ts";
import { HostRefusal } from "@runtime/core/program_ports.ts";
import { randomBytesRepeat } from "./first_bytes.ts";
import { holdInspectorDoor, type InspectorDoor } from "./inspector_door.ts";

/** What stands between this process's keys and the host. */
export interface HostGuard {
  /** The inspector's port, from the first admission on. */
  readonly door: InspectorDoor | undefined;
  /**
   * Must have resolved before the first key exists; asked again it costs nothing.
   *
   * @param inspectable Whether an open inspector is no reason to refuse.
   * @throws {HostRefusal} when keys would be no secret in this process.
   */
  admit(inspectable: boolean): Promise<void>;
  /** Who holds the inspector's port, in words. */
  inspector(): Promise<string>;
}

/** What a thread is told that cannot find it out itself. */
export interface GuardOptions {
  /** Whether this runtime's random bytes are a fixed sequence. */
  readonly bytesRepeat?: (() => Promise<boolean>) | undefined;
  /** Whether the process's inspector is open: it is the main thread's, and no worker sees it. */
  readonly inspectorOpen?: (() => Promise<boolean>) | undefined;
}

/** Nothing happens before {@linkcode HostGuard.admit}: only a node needs it. */
export function hostGuard(
  ports: { readonly clock: Clock; readonly turns: Turns },
  { bytesRepeat = randomBytesRepeat, inspectorOpen }: GuardOptions = {},
): HostGuard {
  let door: InspectorDoor | undefined;
  let repeat: Promise<boolean> | undefined;
  return {
    get door() {
      return door;
    },
    async admit(inspectable) {
      door ??= holdInspectorDoor(
        ports,
        inspectorOpen === undefined ? {} : { inspectorUrl: () => undefined },
      );
      repeat ??= bytesRepeat();
      if (await repeat) throw new HostRefusal("seeded_runtime");
      // Asked last: whatever opened it before the port was held has by now.
      const open = await inspectorOpen?.() ?? door.state === "open";
      if (!inspectable && open) throw new HostRefusal("inspector_open");
    },
    async inspector() {
      if (door === undefined) return "unknown";
      const { state, holder } = await door.facts();
      return holder === undefined ? state : `${state}: ${holder}`;
    },
  };
}

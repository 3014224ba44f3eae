/**
 * A hostile daemon: one of the node's own, with everything that it is given, which tries what it is
 * told to beside its work. In a worker this module is loaded after the lockdown, as every daemon's is.
 *
 * @module
 */

import type { AnyComponent } from "@runtime/boot/component.ts";
import { attackOf } from "./protocol.ts";
import { CODE_ATTEMPTS } from "./attempts_code.ts";
import { DEVICE_ATTEMPTS } from "./attempts_device.ts";
import { FLOOD_ATTEMPTS } from "./attempts_flood.ts";
import { FRAME_ATTEMPTS } from "./attempts_frame.ts";
import { HEAP_ATTEMPTS } from "./attempts_heap.ts";
import { LIE_ATTEMPTS } from "./attempts_lie.ts";
import { SLOT_ATTEMPTS } from "./attempts_slot.ts";
import type { Attempt, Loot } from "./loot.ts";

const ATTEMPTS: Readonly<Record<string, Attempt>> = {
  ...CODE_ATTEMPTS,
  ...DEVICE_ATTEMPTS,
  ...FLOOD_ATTEMPTS,
  ...FRAME_ATTEMPTS,
  ...HEAP_ATTEMPTS,
  ...LIE_ATTEMPTS,
  ...SLOT_ATTEMPTS,
};

const UTF8 = new TextEncoder();

/** What a daemon is given, and what it looks like when the attacker is aboard. */
export function hostile(own: AnyComponent): AnyComponent {
  return {
    ...own,
    serves: { ...own.serves, attack: attackOf(own.name) },
    async create(given: never) {
      const behaviour = await own.create(given) as Readonly<Record<string, unknown>>;
      return { ...behaviour, attack: { attempt: attemptsOver(given) } };
    },
  };
}

function attemptsOver(given: Loot) {
  return async ({ name, argument }: { readonly name: string; readonly argument: string }) => {
    const attempt = ATTEMPTS[name];
    if (attempt === undefined) throw new TypeError(`no attempt ${name}`);
    const outcome = await attempt(given, argument);
    return { status: "ok", report: UTF8.encode(JSON.stringify(outcome ?? null)) } as const;
  };
}

import { LADDER_MARKERS } from "@runtime/boot/phases/manifest.gen.ts";
import { LADDER_ORDERS } from "@runtime/boot/phases/orders.ts";
import { type Phase, PHASES } from "@runtime/idl/marker.ts";

const REQUIRED = LADDER_MARKERS.filter(({ role }) => role === "required");
const [BRING_UP = []] = LADDER_ORDERS;

/** The required lines of a healthy console, in an order that the ladder takes. */
export function healthyConsole(id = "ab".repeat(32)): readonly string[] {
  return REQUIRED.toSorted((left, right) => orderOf(left) - orderOf(right))
    .map(({ line }) => line.replace("<id>", id).replace(/<(count|entries)>/g, "2"));
}

/** The boot comes before everything else, line by line as its chain says. */
function orderOf({ line, phase }: (typeof REQUIRED)[number]): number {
  const place = BRING_UP.indexOf(line);
  return place < 0 ? BRING_UP.length + rankOf(phase) : place;
}

function rankOf(phase: Phase | null): number {
  return PHASES.findIndex((each) => each === phase);
}

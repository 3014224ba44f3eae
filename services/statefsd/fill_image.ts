/**
 * An image that begins with values, also where a cut kept an earlier attempt from its end.
 *
 * @module
 */

import { allZero, equalBytes } from "@runtime/core/bytes.ts";
import {
  type FirstValue,
  type FirstValues,
  formatImage,
  type FormatPorts,
} from "./format_image.ts";
import { BLOCK_SIZE } from "./limits.ts";
import { locateLog } from "./locate.ts";
import type { Store } from "./store.ts";

/**
 * Formats an image with values unless it is one already. What block 0 never named is an attempt that
 * was cut off, and is written over; anything else stays as it is.
 */
export async function fillImage(
  ports: FormatPorts,
  first: FirstValues,
): Promise<"ok" | "io_error" | "no_space" | "unavailable"> {
  const block = new Uint8Array(BLOCK_SIZE);
  if (await ports.disk.read(0, block) !== "ok") return "io_error";
  const { status } = await locateLog(ports.disk);
  if (status === "io_error") return "io_error";
  return status === "ok" || !allZero(block) ? "ok" : await formatImage(ports, first);
}

/** Whether a store holds these values and no others. */
export function holdsValues(store: Store, values: readonly FirstValue[]): boolean {
  const all = store.list({ prefix: "", after: "", countMax: values.length + 1 }, () => true);
  return all.length === values.length && values.every((value) => holdsValue(store, value));
}

function holdsValue(
  store: Store,
  { path, payload, subject, purpose, timestamp }: FirstValue,
): boolean {
  const kept = store.get(path);
  return kept.status === "ok" && equalBytes(kept.payload, payload) && kept.subject === subject &&
    kept.purpose === purpose && kept.timestamp === timestamp;
}

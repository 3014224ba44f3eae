import { utf8Length } from "@runtime/core/utf8.ts";
import { KEY_LENGTH_MAX } from "./limits.ts";

const ROOT = "/state/";
const BOOT = "/state/boot/";

/** The image's own id, in the clear: keys are derived from it. */
export const IMAGE_ID_PATH = "/state/statefsd/image.v1";
/** The largest sequence and transaction id that were given out. */
export const SEQUENCE_PATH = "/state/statefsd/seq.v1";

/** A part that is empty, `.` or `..`. */
const BAD_PART = /\/\.{0,2}(?:\/|$)/;

export type PathFault = "key_too_long" | "invalid_key";

/**
 * Why a path cannot be a key; `undefined` when it can.
 *
 * Stricter than upstream, which takes empty parts and control characters.
 *
 * Source: Open Nexus OS, statefs, "key paths".
 */
export function pathFault(path: string): PathFault | undefined {
  if (utf8Length(path) > KEY_LENGTH_MAX) return "key_too_long";
  if (!path.startsWith(ROOT) || !path.isWellFormed() || hasControl(path)) return "invalid_key";
  return BAD_PART.test(path) ? "invalid_key" : undefined;
}

/** Whether values of this path are stored as a bare envelope, for a boot that has no key yet. */
export function storedInClear(path: string): boolean {
  return path.startsWith(BOOT);
}

/** Whether the path is the store's own: nobody else writes it. */
export function reserved(path: string): boolean {
  return path === IMAGE_ID_PATH || path === SEQUENCE_PATH;
}

/** Paths in the order of their bytes, in which a snapshot lists them. */
export function sortedPaths(paths: Iterable<string>): readonly string[] {
  const sorted = [...paths].sort();
  return sorted.some((path) => BEHIND_SURROGATES.test(path)) ? sorted.sort(comparePaths) : sorted;
}

/** Without these, the order of UTF-16's units is that of UTF-8's bytes. */
const BEHIND_SURROGATES = /[\ue000-\uffff]/;

export function comparePaths(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const [a, b] = [left.charCodeAt(index), right.charCodeAt(index)];
    if (a !== b) return byteOrder(a) - byteOrder(b);
  }
  return left.length - right.length;
}

/** UTF-8 has the code points that UTF-16 needs two units for behind all others. */
function byteOrder(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x2800 : unit;
}

function hasControl(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code >= 0x7f && code < 0xa0) return true;
  }
  return false;
}

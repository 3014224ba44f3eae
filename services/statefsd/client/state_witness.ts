/**
 * The largest sequence of an image that was seen, beside the image: an older copy of it that somebody
 * puts back is found to be one. Whoever puts the whole directory back is not found out.
 *
 * Source: `docs/state_format.md`, "The state directory".
 *
 * @module
 */

import { FileFailure } from "@runtime/core/program_ports.ts";
import type { HeldFolder } from "@runtime/core/state_ports.ts";
import { StateFailure } from "./state_failure.ts";

export const WITNESS_NAME = "state.seen";
const LENGTH_MAX = 128;
const WITNESS = /^(0|[1-9]\d{0,18})\n(?:([0-9a-f]{64})\n)?$/;
const UTF8 = new TextEncoder();

/** What was seen of an image. */
export interface Witness {
  /** 0 where nothing was noted. */
  readonly sequence: bigint;
  /** Which device booted on it; `undefined` until one did. */
  readonly deviceId: string | undefined;
}

/** What was noted last. @throws {StateFailure} `bad_witness`. */
export function readWitness(folder: HeldFolder): Witness {
  if (!folder.names().includes(WITNESS_NAME)) return { sequence: 0n, deviceId: undefined };
  const [, digits, deviceId] = WITNESS.exec(textOf(folder)) ?? [];
  if (digits === undefined) throw new StateFailure("bad_witness", folder.path);
  return { sequence: BigInt(digits), deviceId };
}

/** Notes what was seen, in one step. */
export function noteWitness(folder: HeldFolder, { sequence, deviceId }: Witness): void {
  const device = deviceId === undefined ? "" : `${deviceId}\n`;
  folder.replace(WITNESS_NAME, UTF8.encode(`${sequence}\n${device}`));
}

function textOf(folder: HeldFolder): string {
  try {
    return new TextDecoder().decode(folder.read(WITNESS_NAME, LENGTH_MAX));
  } catch (error) {
    if (error instanceof FileFailure && error.code === "too_large") return "";
    throw error;
  }
}

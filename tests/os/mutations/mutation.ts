import { LADDER_MARKERS } from "@runtime/boot/phases/manifest.gen.ts";
import type { Replace } from "../../fakes/node.ts";

/** One proof whose work is taken away, and what must then turn the ladder red. */
export interface Mutation {
  /** What is missing, as a sentence's subject. */
  readonly name: string;
  /** Made anew for each run. */
  readonly replace: () => Replace;
  /** The boot before the judged one lacks the same. */
  readonly always?: true;
  /**
   * How a failure begins that `nx test-os` prints for one of the machines, or the reason why one did
   * not boot. Several where the machines' race decides which one ends the run.
   */
  readonly red: string | readonly string[];
  /**
   * Only for work whose absence is silence: how long the run waits for the missing line, in
   * milliseconds. Every other ladder must turn red as soon as the line comes.
   */
  readonly silentMs?: number;
}

/** How long a run waits for a line that cannot come. */
export const SILENT_MS = 2_500;

/** The failure of a probe that ran and did not find what it asks for. */
export function failed(line: string): string {
  return `failure marker '${line} FAIL'`;
}

/** The failure of a ladder that ended without a line. */
export function missing(line: string): string {
  const phase = LADDER_MARKERS.find((marker) => marker.line === line)?.phase;
  return `first_failed_phase=${phase} missing_marker='${line}'`;
}

/** The failure of a line that came before one that it builds on. */
export function early(line: string, before: string): string {
  return `out of order: '${line}' came before '${before}'`;
}

/** The failure of a daemon that hit its own assertion. */
export function faulted(name: string): string {
  return `failure marker 'init: fault ${name}'`;
}

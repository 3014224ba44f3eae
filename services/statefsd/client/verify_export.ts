import { WireError } from "@runtime/core/error.ts";
import { ChainCheck, type FoundCheckpoint } from "./chain_check.ts";
import type { ChainFault, ChainReport } from "./chain_fault.ts";
import { type ExportEnd, type ExportLine, parseExportLine } from "./log_export.ts";

/** A fault, and the line of the export at which it shows. */
export interface LineFault {
  readonly fault: ChainFault;
  /** From 1. */
  readonly line: number;
}

/** What an export holds, and what is wrong with it. */
export interface ExportReport extends Omit<ChainReport, "faults"> {
  /** Of `RING_NAMES`; `undefined` where no line says so. */
  readonly ring: number | undefined;
  readonly faults: readonly LineFault[];
}

/**
 * Follows an exported chain line by line, and names every line that was tampered with.
 *
 * It is total: the text may be any. As in a store, what was cut off behind the signed entry cannot be
 * told from what was never written, unless the last line says more.
 *
 * @param deviceKey The device's verifying key; without it anybody's signature counts.
 */
export function verifyExport(text: string, deviceKey?: Uint8Array): ExportReport {
  const lines = text.split("\n").map(readLine);
  // The text ends with a line feed, behind which there is nothing.
  if (text === "" || text.endsWith("\n")) lines.pop();
  const end = lines.at(-1);
  const ring = lines.find((line) => line !== undefined)?.ring;
  const check = new ChainCheck(checkpointOf(end));
  const places = new Map<ChainFault, number>();
  const place = (faults: readonly ChainFault[], line: number) => {
    for (const fault of faults) if (!places.has(fault)) places.set(fault, line);
  };
  for (const [at, line] of lines.entries()) {
    take(check, line?.ring === ring ? line : undefined, at === lines.length - 1);
    place(check.faults, at + 1);
  }
  const { faults, ...report } = check.finish(deviceKey);
  const cut = cutOff(end, report.last);
  place([...faults, ...cut], Math.max(1, lines.length));
  const placed = [...faults, ...cut].map((fault) => ({ fault, line: places.get(fault) ?? 1 }));
  return { ...report, ring, faults: placed };
}

/** A line, or `undefined` where the text is none. */
function readLine(text: string): ExportLine | undefined {
  try {
    return parseExportLine(text);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function checkpointOf(end: ExportLine | undefined): FoundCheckpoint {
  return end?.kind === "end" ? end.checkpoint ?? "absent" : "absent";
}

/** @param isLast Whether no line follows: only there an end belongs. */
function take(check: ChainCheck, line: ExportLine | undefined, isLast: boolean): void {
  if (line?.kind === "entry") check.take(line.found, line.found.entry.index);
  else if (line?.kind !== "end" || !isLast) check.lose(check.expected ?? 1n);
}

/** What the last line says of those before it. */
function cutOff(
  end: ExportEnd | ExportLine | undefined,
  last: bigint,
): readonly ChainFault[] {
  if (end?.kind !== "end") return [{ kind: "end_missing" }];
  if (end.last > last) return [{ kind: "truncated", index: last + 1n, count: end.last - last }];
  return end.last < last ? [{ kind: "end_other", index: end.last + 1n }] : [];
}

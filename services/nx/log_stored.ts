/**
 * The log of a node that does not run: what it kept on its disk, of all its boots.
 *
 * @module
 */

import { toHex } from "@runtime/core/hex.ts";
import type { LogEntry } from "../statefsd/client/log_entry.ts";
import { readSegment } from "../statefsd/client/log_segment.ts";
import { type StoredChain, verifyChain } from "../statefsd/client/verify_chain.ts";
import { EXIT } from "./exit_code.ts";
import { type KeptLogClient, readKeptLog } from "./kept_log.ts";
import { chosen, lineOf, type LogChoice, textOf } from "./log_record.ts";
import { timeText, unixMsOf } from "./moment.ts";
import { jsonText } from "./output.ts";
import type { Shell } from "./shell.ts";

/** Records shown unless `--limit` or `--since` says otherwise. */
export const LIMIT = 50;
export const LIMIT_MAX = 20_000;

/** Which records of a log are shown, and how. */
export interface StoredLogChoice extends LogChoice {
  readonly limit?: number;
  readonly json?: true;
}

type Kept<K extends LogEntry["kind"]> = Extract<LogEntry, { readonly kind: K }>;

/** How many records are shown. */
export function limitOf({ limit, since }: StoredLogChoice): number {
  return limit ?? (since === undefined ? LIMIT : LIMIT_MAX);
}

/**
 * Shows the newest records that are wanted, oldest first, and where some between them were lost.
 *
 * @returns The exit code: a log that does not hold is shown as far as it can be read, and is a failure.
 */
export async function showStored(
  shell: Shell,
  node: KeptLogClient,
  { ring, choice }: { readonly ring: number; readonly choice: StoredLogChoice },
): Promise<number> {
  const chain = await readKeptLog(node, ring);
  const { since } = choice;
  const sinceMs = since === undefined ? 0 : unixMsOf(since, shell.ports.clock.unixMs());
  const entries = newestOf(entriesOf(chain), { choice, sinceMs });
  const { out } = shell.ports.terminal;
  for (const entry of entries) if (!out(`${textOfEntry(entry, choice.json === true)}\n`)) break;
  const broken = verifyChain(chain).faults.some(({ kind }) => kind !== "checkpoint_absent");
  if (broken) shell.output.complain("this log does not hold; see nx log verify");
  return broken ? EXIT.failed : EXIT.ok;
}

/** Every entry that can be read. */
function entriesOf({ segments }: StoredChain): readonly LogEntry[] {
  return segments.flatMap(({ value }) =>
    readSegment(value ?? new Uint8Array(0)).entries.map(({ entry }) => entry)
  );
}

/** The newest records that are wanted, and the gaps between them and behind them. */
function newestOf(
  entries: readonly LogEntry[],
  { choice, sinceMs }: { readonly choice: StoredLogChoice; readonly sinceMs: number },
): readonly (Kept<"record"> | Kept<"gap">)[] {
  const newest: (Kept<"record"> | Kept<"gap">)[] = [];
  let left = limitOf(choice);
  for (const entry of entries.toReversed()) {
    if (left === 0) break;
    if (Number(entry.unixMs) < sinceMs) continue;
    if (entry.kind === "gap") newest.push(entry);
    if (entry.kind !== "record" || !chosen(entry, choice)) continue;
    newest.push(entry);
    left -= 1;
  }
  return newest.toReversed();
}

function textOfEntry(entry: Kept<"record"> | Kept<"gap">, json: boolean): string {
  const when = { bootId: toHex(entry.bootId), unixMs: Number(entry.unixMs) };
  const time = timeText(when.unixMs);
  if (entry.kind === "record") {
    const line = lineOf(entry);
    return json ? jsonText({ ...line, ...when }) : textOf(line, time);
  }
  const lost = Number(entry.count);
  if (json) return jsonText({ lost, ...when });
  return `${time} ${lost} records were lost: logd let them go before they were kept`;
}

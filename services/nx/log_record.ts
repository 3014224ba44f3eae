import type { Clock } from "@runtime/core/ports.ts";
import { LEVELS } from "../logd/protocol.ts";
import type { LogRecord } from "./log_pages.ts";
import { type Moment, unixMsOf } from "./moment.ts";
import { printable } from "./output.ts";

/** A record, as the command line shows it. */
export interface LogLine {
  readonly recordId: number;
  readonly timestampNs: number;
  readonly level: string;
  readonly sender: string;
  readonly scope: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** Which records are wanted. */
export interface LogChoice {
  readonly scope: string;
  readonly service?: string;
  readonly subject?: string;
  readonly level?: string;
  readonly since?: Moment;
}

export function lineOf(record: LogRecord): LogLine {
  return {
    recordId: Number(record.recordId),
    timestampNs: Number(record.timestampNs),
    level: LEVELS[record.level] ?? "unknown",
    sender: record.sender,
    scope: record.scope,
    message: record.message,
    fields: fieldsOf(record.fields),
  };
}

/** Whether a record is one of those. When it was is not asked here. */
export function chosen(record: LogRecord, { scope, service, subject, level }: LogChoice): boolean {
  if (!record.scope.startsWith(scope)) return false;
  if (service !== undefined && record.sender !== service) return false;
  // Levels are numbered from the most severe one on.
  if (level !== undefined && record.level > LEVELS.findIndex((name) => name === level)) {
    return false;
  }
  return concerns(record, subject);
}

/** A moment on a node's clock. @param nowNs What that clock says now. */
export function nodeTimeOf(moment: Moment, nowNs: bigint, clock: Pick<Clock, "unixMs">): bigint {
  const nowMs = clock.unixMs();
  return nowNs - BigInt(nowMs - unixMsOf(moment, nowMs)) * 1_000_000n;
}

/** A record as a line for people. @param time When it was; by the node's clock unless said. */
export function textOf(
  { timestampNs, level, sender, scope, message, fields }: LogLine,
  time: string = (timestampNs / 1e9).toFixed(6).padStart(12),
): string {
  const pairs = Object.entries(fields).filter(([name, value]) =>
    value !== "" && !message.includes(`${name}=${value}`)
  ).map(([name, value]) => `${name}=${value}`);
  const from = scope === "" || scope === sender ? sender : `${sender}/${scope}`;
  return `${time} ${level.padEnd(5)} ${printable(`${from}: ${[message, ...pairs].join(" ")}`)}`;
}

function concerns({ sender, fields }: LogRecord, subject: string | undefined): boolean {
  if (subject === undefined) return true;
  const named = fieldsOf(fields);
  return Object.hasOwn(named, "subject") ? named["subject"] === subject : sender === subject;
}

/** Reads `name=value` lines; what is no such line is left out. */
function fieldsOf(text: string): Readonly<Record<string, string>> {
  const pairs = text.split("\n").map((line) => [line.indexOf("="), line] as const)
    .filter(([at]) => at > 0)
    .map(([at, line]) => [line.slice(0, at), line.slice(at + 1)] as const);
  return Object.fromEntries(pairs);
}

import type { Command } from "commander";
import { LEVELS, RING } from "../logd/protocol.ts";
import { scopeOption } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { type AskPage, type LogRecord, newestRecords } from "./log_pages.ts";
import { printable } from "./output.ts";
import {
  askNode,
  type ControlClient,
  type NodeChoice,
  okReply,
  type Shell,
  wholeNumber,
  withNodeOptions,
} from "./shell.ts";

/** Records shown unless `--limit` says otherwise. */
const LIMIT = 50;
const LIMIT_MAX = 20_000;
const EXAMPLES = `
The journal holds what daemons say; the audit ring holds every decision of policyd.

Examples:
  nx log --limit 20
  nx log --audit --subject nx-cli
  nx log --audit --subject peer:DEVICE_ID --json
`;

interface LogOptions extends NodeChoice {
  readonly limit: number;
  readonly audit?: true;
  readonly scope: string;
  readonly subject?: string;
}

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

/** `nx log`: the journal, or the decisions. */
export function addLog(program: Command, shell: Shell): void {
  withNodeOptions(program.command("log"))
    .description("show a node's journal, or the decisions of its policy")
    .option("--limit <n>", "newest records to show", wholeNumber(1, LIMIT_MAX), LIMIT)
    .option("--audit", "decisions in the place of the journal")
    .option("--scope <prefix>", "only records whose scope begins so", scopeOption, "")
    .option("--subject <name>", "only records about this subject, or sent by it")
    .addHelpText("after", EXAMPLES)
    .action((options: LogOptions) => showLog(shell, options));
}

async function showLog(shell: Shell, options: LogOptions): Promise<void> {
  const lines = await askNode(shell, options, (client) => logOf(client, options));
  for (const line of lines) {
    if (options.json) shell.output.json(line);
    else shell.output.line(textOf(line));
  }
  shell.finish(EXIT.ok);
}

/** The newest records that match, oldest first. */
async function logOf(
  client: ControlClient,
  { audit, scope, subject, limit }: LogOptions,
): Promise<readonly LogLine[]> {
  const ring = audit ? RING.audit : RING.journal;
  const wanted = (record: LogRecord) => concerns(lineOf(record), subject);
  const ask: AskPage = async (request) => okReply(await client.log(request), "log");
  const records = await newestRecords(ask, { ring, scope, limit, wanted });
  return records.map(lineOf);
}

function lineOf(record: LogRecord): LogLine {
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

function concerns({ sender, fields }: LogLine, subject: string | undefined): boolean {
  if (subject === undefined) return true;
  return Object.hasOwn(fields, "subject") ? fields["subject"] === subject : sender === subject;
}

/** Reads `name=value` lines; what is no such line is left out. */
function fieldsOf(text: string): Readonly<Record<string, string>> {
  const pairs = text.split("\n").map((line) => [line.indexOf("="), line] as const)
    .filter(([at]) => at > 0)
    .map(([at, line]) => [line.slice(0, at), line.slice(at + 1)] as const);
  return Object.fromEntries(pairs);
}

function textOf({ timestampNs, level, sender, scope, message, fields }: LogLine): string {
  const seconds = (timestampNs / 1e9).toFixed(6).padStart(12);
  const pairs = Object.entries(fields).filter(([name, value]) =>
    value !== "" && !message.includes(`${name}=${value}`)
  ).map(([name, value]) => `${name}=${value}`);
  const from = scope === "" || scope === sender ? sender : `${sender}/${scope}`;
  return `${seconds} ${level.padEnd(5)} ${printable(`${from}: ${[message, ...pairs].join(" ")}`)}`;
}

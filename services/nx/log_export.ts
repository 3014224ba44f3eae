import type { Command } from "commander";
import { RING } from "../logd/protocol.ts";
import { readCheckpoint } from "../statefsd/client/log_checkpoint.ts";
import { endLine, entryLine } from "../statefsd/client/log_export.ts";
import { readSegment } from "../statefsd/client/log_segment.ts";
import { type StoredChain, verifyChain } from "../statefsd/client/verify_chain.ts";
import { EXIT } from "./exit_code.ts";
import { readKeptLog } from "./kept_log.ts";
import { type Shell, withNodeOptions } from "./shell.ts";
import { withPassphraseOption } from "./state_options.ts";
import { askNodeOrState, type StoredChoice } from "./stored_node.ts";

const EXAMPLES = `
One JSON object a line, a record each, with its hash and that of the one before; the last line is the
newest signature. nx log verify --in verifies such a file, whoever kept it. Numbers of 64 bits are
text, so that nobody rounds them.

Examples:
  nx log export > journal.jsonl
  nx log export --audit --node 7402 > audit.jsonl
`;

interface ExportOptions extends StoredChoice {
  readonly audit?: true;
}

/** `nx log export`: a kept log, to be kept elsewhere. */
export function addLogExport(log: Command, shell: Shell): void {
  withPassphraseOption(withNodeOptions(log.command("export")))
    .description("print a kept log with its hashes and its signature")
    .option("--audit", "decisions in the place of the journal")
    .addHelpText("after", EXAMPLES)
    .action((options: ExportOptions) => exportLog(shell, options));
}

async function exportLog(shell: Shell, options: ExportOptions): Promise<void> {
  const ring = options.audit ? RING.audit : RING.journal;
  const chain = await askNodeOrState(shell, options, {
    running: (client) => readKeptLog(client, ring),
    stored: (node) => readKeptLog(node, ring),
  });
  for (const line of exportedLines(chain)) shell.output.line(line);
  const broken = verifyChain(chain).faults.some(({ kind }) => kind !== "checkpoint_absent");
  if (broken) shell.output.complain("this log does not hold; see nx log verify");
  shell.finish(broken ? EXIT.failed : EXIT.ok);
}

/** Every entry that can be read, and the end. */
export function exportedLines({ ring, segments, checkpoint }: StoredChain): readonly string[] {
  const found = segments.flatMap(({ value }) => readSegment(value ?? new Uint8Array(0)).entries);
  const last = found.at(-1)?.entry.index ?? 0n;
  const signed = checkpoint === undefined ? undefined : readCheckpoint(checkpoint);
  return [
    ...found.map((entry) => entryLine(ring, entry)),
    endLine(ring, { last, checkpoint: signed?.ring === ring ? signed : undefined }),
  ];
}

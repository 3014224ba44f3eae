import type { Command } from "commander";
import { EXIT } from "./exit_code.ts";
import { printable } from "./output.ts";
import { askNode, type NodeChoice, okReply, type Shell, withNodeOptions } from "./shell.ts";

const EXAMPLES = `
Counted since the node started: connections that were let in, sessions that came to stand, announces
that were answered, and what was refused, by cause. Of these, backlog_full is what the network daemon
turned away before it was let in; whoever tries again counts again.

Examples:
  nx stats
  nx stats --node 7402 --json
`;

/** `nx stats`: what a node admitted and refused. */
export function addStats(program: Command, shell: Shell): void {
  withNodeOptions(program.command("stats"))
    .description("count what a node admitted and refused")
    .addHelpText("after", EXAMPLES)
    .action((options: NodeChoice) => showStats(shell, options));
}

async function showStats(shell: Shell, options: NodeChoice): Promise<void> {
  const reply = okReply(await askNode(shell, options, (client) => client.stats({})), "stats");
  const { accepted, sessions, announces } = reply;
  const refused = reply.refused.map(({ reason, count }) => [printable(reason), count] as const)
    .toSorted(([, left], [, right]) => right - left);
  const { output } = shell;
  if (options.json) {
    output.json({ accepted, sessions, announces, refused: Object.fromEntries(refused) });
  } else {
    const total = refused.reduce((sum, [, count]) => sum + count, 0);
    output.line(`accepted   ${accepted}`);
    output.line(`sessions   ${sessions}`);
    output.line(`announces  ${announces}`);
    output.line(`refused    ${total}`);
    for (const [reason, count] of refused) output.line(`  ${reason}  ${count}`);
  }
  shell.finish(EXIT.ok);
}

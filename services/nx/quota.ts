import type { Command } from "commander";
import { ownerArgument } from "./arguments.ts";
import { bytesOption } from "./byte_size.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { printable, table } from "./output.ts";
import { type ControlClient, okReply, refusal, type Shell, withNodeOptions } from "./shell.ts";
import { withPassphraseOption } from "./state_options.ts";
import { askNodeOrState, type StoredChoice } from "./stored_node.ts";

/** Pages of owners that are asked for, at most: more than a store has names, one owner each. */
const PAGES_MAX = 8_192;
const WHAT = "quota";
const HEADS = ["OWNER", "USED", "SOFT", "HARD", "LIMITS"] as const;
const EXAMPLES = `
A value belongs to the daemon that wrote it, subject:NAME, and below /state/app/ID/, /state/apps/ID/
and /state/keystore/ID/ to that application too, app:ID. A write that makes an owner grow above its
hard limit is refused; above its soft limit the console warns of it. Numbers are bytes in the log.

LIMITS says whose they are: the owner's own, or the default, which follows from the size of the image.

Examples:
  nx quota
  nx quota --state ./node-a --json                          also of a node that does not run
  nx quota set app:mail --soft 48KiB --hard 64KiB
  nx quota set subject:vfsd --soft 1MiB --hard 2MiB --state ./node-a
  nx quota clear app:mail
`;
const SET_EXAMPLES = `
The limits are in force, and on the disk, when the command ends; they outlive the node. What an owner
takes already is not refused, only what it grows by.

Examples:
  nx quota set app:mail --soft 48KiB --hard 64KiB
`;

/** What a node answers about owners and their limits, whether it runs or not. */
export type QuotaClient = Pick<ControlClient, "quotas" | "setQuota" | "clearQuota">;

/** An owner, as the command line shows it. */
interface OwnerLine {
  readonly owner: string;
  readonly used: number;
  readonly soft: number;
  readonly hard: number;
  readonly limits: "own" | "default";
}

interface LimitOptions extends StoredChoice {
  readonly soft: number;
  readonly hard: number;
}

/** `nx quota`: what owners of values take and may take. */
export function addQuota(program: Command, shell: Shell): void {
  const quota = withPassphraseOption(withNodeOptions(program.command("quota")))
    .enablePositionalOptions()
    .description("show what each owner of values takes, and may take")
    .addHelpText("after", EXAMPLES)
    .action((options: StoredChoice) => showQuotas(shell, options));
  withPassphraseOption(withNodeOptions(quota.command("set")))
    .description("give an owner limits of its own")
    .argument("<owner>", "subject:NAME or app:ID", ownerArgument)
    .requiredOption("--soft <bytes>", "what it is warned above, such as 48KiB", bytesOption)
    .requiredOption("--hard <bytes>", "what its writes are refused above", bytesOption)
    .addHelpText("after", SET_EXAMPLES)
    .action((owner: string, options: LimitOptions) => setQuota(shell, owner, options));
  withPassphraseOption(withNodeOptions(quota.command("clear")))
    .description("take an owner's own limits away: the default holds again")
    .argument("<owner>", "subject:NAME or app:ID", ownerArgument)
    .action((owner: string, options: StoredChoice) => clearQuota(shell, owner, options));
}

async function showQuotas(shell: Shell, options: StoredChoice): Promise<void> {
  const owners = await withQuotas(shell, options, ownersOf);
  const { output } = shell;
  if (options.json) owners.forEach((owner) => output.json(owner));
  else if (owners.length === 0) output.line("no owners");
  else table(HEADS, owners.map(rowOf)).forEach(output.line);
  shell.finish(EXIT.ok);
}

async function setQuota(shell: Shell, owner: string, options: LimitOptions): Promise<void> {
  const { soft, hard, json } = options;
  if (soft > hard) throw new CommandFailure(EXIT.usage, "--soft must not be above --hard");
  const limits = { owner, soft: BigInt(soft), hard: BigInt(hard) };
  await withQuotas(shell, options, async (client) => {
    written((await client.setQuota(limits)).status, owner);
  });
  if (json) shell.output.json({ owner, soft, hard });
  else shell.output.line(`${owner} is warned above ${soft} bytes and refused above ${hard}`);
  shell.finish(EXIT.ok);
}

async function clearQuota(shell: Shell, owner: string, options: StoredChoice): Promise<void> {
  await withQuotas(shell, options, async (client) => {
    written((await client.clearQuota({ owner })).status, owner);
  });
  if (options.json) shell.output.json({ owner });
  else shell.output.line(`the default holds for ${owner}`);
  shell.finish(EXIT.ok);
}

function withQuotas<T>(
  shell: Shell,
  options: StoredChoice,
  work: (client: QuotaClient) => Promise<T>,
): Promise<T> {
  return askNodeOrState<T>(shell, options, { running: work, stored: work });
}

/** Every owner of a node, page by page. */
async function ownersOf(client: QuotaClient): Promise<readonly OwnerLine[]> {
  const lines: OwnerLine[] = [];
  let after = "";
  for (let page = 0; page < PAGES_MAX; page++) {
    const { owners } = okReply(await client.quotas({ after }), WHAT);
    lines.push(...owners.map(({ owner, used, soft, hard, own }) => ({
      ...{ owner, used: Number(used), soft: Number(soft), hard: Number(hard) },
      limits: own === 1 ? "own" as const : "default" as const,
    })));
    const last = owners.at(-1)?.owner;
    if (last === undefined || last <= after) break;
    after = last;
  }
  return lines;
}

function rowOf({ owner, used, soft, hard, limits }: OwnerLine): readonly string[] {
  return [printable(owner), `${used}`, `${soft}`, `${hard}`, limits];
}

/** @throws {CommandFailure} unless limits were written. */
function written(status: string, owner: string): void {
  switch (status) {
    case "ok":
      return;
    case "not_found":
      throw new CommandFailure(EXIT.notFound, `${owner} has no limits of its own; see nx quota`);
    case "no_state":
      throw new CommandFailure(
        EXIT.failed,
        "the node keeps nothing beyond its end, and no limits: start it with --state DIR",
      );
    case "no_space":
      throw new CommandFailure(EXIT.failed, "there is no room for limits: the image is full");
    case "unavailable":
      throw new CommandFailure(EXIT.failed, "the limits could not be written; see nx fsck");
    default:
      throw refusal(status, WHAT);
  }
}

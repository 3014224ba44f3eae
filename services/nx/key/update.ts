import type { Command } from "commander";
import type { KeyChange, KeyRef } from "../../keystored/client/key_requests.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import type { Moment } from "../moment.ts";
import { type NodeChoice, type Shell, wholeNumber, withNodeOptions } from "../shell.ts";
import { factsOfKey, linesOfKey } from "./key_lines.ts";
import { askKeys, withKey } from "./key_shell.ts";
import { countOrNoneOption, endOrNoneOption, labelOption, NONE, unixMsOf } from "./options.ts";

const VERSION_MAX = 999_999_999;
const EXAMPLES = `
What is not said stays. A version below the least is refused, and may be let in again.

Examples:
  nx key update mail letters --label "letters, signed"
  nx key update mail letters --expires none --max-uses 5000
  nx key update mail letters --min-verify 2
`;

interface UpdateOptions extends NodeChoice {
  readonly label?: string;
  readonly expires?: Moment | typeof NONE;
  readonly maxUses?: bigint | typeof NONE;
  readonly minSign?: number;
  readonly minOpen?: number;
  readonly minVerify?: number;
}

/** `nx key update`: what may be changed of a key. */
export function addKeyUpdate(key: Command, shell: Shell): void {
  const version = wholeNumber(1, VERSION_MAX);
  withNodeOptions(withKey(key.command("update")))
    .description("change a key's label, its end, its limit, or the least versions that may be used")
    .option("--label <text>", "what people call it, up to 64 bytes", labelOption)
    .option(
      "--expires <duration|time>",
      "when it stops to sign and to seal, or none",
      endOrNoneOption,
    )
    .option("--max-uses <n>", "how often its secret may be used, or none", countOrNoneOption)
    .option("--min-sign <version>", "the least version that signs and seals", version)
    .option("--min-open <version>", "the least version that opens", version)
    .option("--min-verify <version>", "the least version that verifies", version)
    .addHelpText("after", EXAMPLES)
    .action((app: string, name: string, options: UpdateOptions) =>
      update(shell, { app, key: name }, options)
    );
}

async function update(shell: Shell, ref: KeyRef, options: UpdateOptions): Promise<void> {
  const change = changeOf(options, shell.ports.clock.unixMs());
  if (Object.keys(change).length === 0) {
    throw new CommandFailure(EXIT.usage, "say what is to change; see nx key update --help");
  }
  const info = await askKeys(shell, options, ref, (keys) => keys.update(ref, change));
  if (options.json) shell.output.json(factsOfKey(info));
  else linesOfKey(info).forEach(shell.output.line);
  shell.finish(EXIT.ok);
}

function changeOf(
  { label, expires, maxUses, minSign, minOpen, minVerify }: UpdateOptions,
  nowMs: number,
): KeyChange {
  const minimum = {
    ...minSign !== undefined && { sign: minSign },
    ...minOpen !== undefined && { open: minOpen },
    ...minVerify !== undefined && { verify: minVerify },
  };
  return {
    ...label !== undefined && { label },
    ...expires !== undefined && { expiresMs: expires === NONE ? null : unixMsOf(expires, nowMs) },
    ...maxUses !== undefined && { maxUses: maxUses === NONE ? null : maxUses },
    ...Object.keys(minimum).length > 0 && { minimum },
  };
}

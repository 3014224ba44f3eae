import { type Command, InvalidArgumentError } from "commander";
import {
  DESTROY_WAIT_MAX_MS,
  DESTROY_WAIT_MIN_MS,
  VERSIONS_MAX,
} from "../../keystored/client/key_limits.ts";
import type { KeyInfo } from "../../keystored/client/key_info.ts";
import type { EndedUse, KeyRef } from "../../keystored/client/key_requests.ts";
import type { KeyOperation } from "../../keystored/client/lifecycle.ts";
import type { NexusKeys } from "../../keystored/client/nexus_keys.ts";
import { parseDuration } from "../duration.ts";
import { EXIT } from "../exit_code.ts";
import { type NodeChoice, type Shell, wholeNumber, withNodeOptions } from "../shell.ts";
import { factsOfKey, linesOfKey } from "./key_lines.ts";
import { askKeys, keyText, withKey } from "./key_shell.ts";

interface ChangeOptions extends NodeChoice {
  readonly dryRun?: true;
  readonly keep?: number;
  readonly wait?: number;
}

/** A command that changes a key's life. */
interface Change {
  readonly name: string;
  /** Its row in the table of lives. */
  readonly operation: KeyOperation;
  readonly description: string;
  readonly help: string;
  /** Whether uses end by it; `--dry-run` then tells which. */
  readonly ends: boolean;
  readonly options?: (command: Command) => Command;
  readonly make: (keys: NexusKeys, ref: KeyRef, options: ChangeOptions) => Promise<KeyInfo>;
}

const OF_THE_KEY = "A key id names the key as well: a state is the key's, not a version's.";

const CHANGES: readonly Change[] = [
  {
    name: "rotate",
    operation: "rotate",
    description: "add a version, which signs and seals from now on",
    help: `Older versions go on to verify and to open. A key has at most ${VERSIONS_MAX} versions.

Examples:
  nx key rotate mail letters --dry-run
  nx key rotate mail letters`,
    ends: true,
    make: (keys, ref) => keys.rotate(ref),
  },
  {
    name: "revoke",
    operation: "revoke",
    description: "end every use of a key, for good",
    help: `${OF_THE_KEY} There is no way back.

Examples:
  nx key revoke mail letters --dry-run
  nx key revoke mail letters`,
    ends: true,
    make: (keys, ref) => keys.revoke(ref),
  },
  {
    name: "suspend",
    operation: "suspend",
    description: "end every use of a key until it is resumed",
    help: `${OF_THE_KEY}

Examples:
  nx key suspend mail letters --dry-run
  nx key suspend mail letters`,
    ends: true,
    make: (keys, ref) => keys.suspend(ref),
  },
  {
    name: "resume",
    operation: "resume",
    description: "take a suspended key into use again",
    help: `
Examples:
  nx key resume mail letters`,
    ends: false,
    make: (keys, ref) => keys.resume(ref),
  },
  {
    name: "retire",
    operation: "retire",
    description: "let a key only verify and open from now on",
    help: `${OF_THE_KEY} There is no way back into use.

Examples:
  nx key retire mail letters --dry-run
  nx key retire mail letters`,
    ends: true,
    make: (keys, ref) => keys.retire(ref),
  },
  {
    name: "destroy",
    operation: "destroy",
    description: "end every use of a key, and let its secrets go after a while",
    help: `Until then nx key cancel-destroy calls it back; behind that nobody does.

Examples:
  nx key destroy mail letters --dry-run
  nx key destroy mail letters --wait 30d`,
    ends: true,
    options: (command) =>
      command.option(
        "--wait <duration>",
        "how long it can be called back: 1s to 365d; 7d unless said",
        waitOption,
      ),
    make: (keys, ref, { wait }) => keys.destroy(ref, wait),
  },
  {
    name: "cancel-destroy",
    operation: "cancelDestroy",
    description: "call a key back whose secrets are still there",
    help: `It comes back as it was when somebody wanted it destroyed.

Examples:
  nx key cancel-destroy mail letters`,
    ends: false,
    make: (keys, ref) => keys.cancelDestroy(ref),
  },
  {
    name: "trim",
    operation: "trim",
    description: "let all but a key's newest versions go, for good",
    help: `What only an older version verifies or opens is lost: rewrap it before.

Examples:
  nx key trim mail letters --keep 2 --dry-run
  nx key trim mail letters --keep 2`,
    ends: true,
    options: (command) =>
      command.requiredOption("--keep <n>", "how many versions stay", wholeNumber(1, VERSIONS_MAX)),
    make: (keys, ref, { keep = 0 }) => keys.trim(ref, keep),
  },
];

/** The commands that change a key's life. */
export function addKeyChanges(key: Command, shell: Shell): void {
  for (const change of CHANGES) {
    const command = withNodeOptions(withKey(key.command(change.name)))
      .description(change.description);
    if (change.ends) {
      command.option("--dry-run", "change nothing, and list the uses that would end");
    }
    (change.options?.(command) ?? command)
      .addHelpText("after", `\n${change.help.trimStart()}\n`)
      .action((app: string, name: string, options: ChangeOptions) =>
        make(shell, change, { ref: { app, key: name }, options })
      );
  }
}

async function make(
  shell: Shell,
  change: Change,
  { ref, options }: { readonly ref: KeyRef; readonly options: ChangeOptions },
): Promise<void> {
  if (options.dryRun) await foretell(shell, change, { ref, options });
  else {
    const info = await askKeys(shell, options, ref, (keys) => change.make(keys, ref, options));
    if (options.json) shell.output.json(factsOfKey(info));
    else linesOfKey(info).forEach(shell.output.line);
  }
  shell.finish(EXIT.ok);
}

async function foretell(
  shell: Shell,
  { name, operation }: Change,
  { ref, options }: { readonly ref: KeyRef; readonly options: ChangeOptions },
): Promise<void> {
  const ends = await askKeys(
    shell,
    options,
    { ...ref, operation },
    (keys) => keys.impact(ref, operation, options.keep),
  );
  const { output } = shell;
  if (options.json) return output.json({ dryRun: true, change: name, ...ref, ends });
  output.line(`nx key ${name} ${ref.app} ${ref.key} was not done`);
  for (const line of endsText(ends)) output.line(line);
  if (ends.length === 0) output.line(`it would end no use of ${keyText(ref)}`);
}

/** A line for each operation that would end, with its versions. */
function endsText(ends: readonly EndedUse[]): readonly string[] {
  const operations = [...new Set(ends.map(({ operation }) => operation))];
  return operations.map((operation) => {
    const versions = ends.filter((end) => end.operation === operation)
      .map(({ version }) => version);
    return `it would end  ${operation} by version ${versions.join(", ")}`;
  });
}

function waitOption(text: string): number {
  const ms = parseDuration(text, DESTROY_WAIT_MAX_MS);
  if (ms !== undefined && ms >= DESTROY_WAIT_MIN_MS) return ms;
  throw new InvalidArgumentError("It is no duration from 1s to 365d.");
}

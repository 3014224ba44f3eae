import type { Command } from "commander";
import { assert } from "@runtime/core/assert.ts";
import { toHex } from "@runtime/core/hex.ts";
import {
  type CheckedImage,
  checkImageFile,
  type CheckMode,
  checkState,
} from "../statefsd/client/check_state.ts";
import { StateFailure } from "../statefsd/client/state_failure.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { type PassphraseChoice, sourceOf, withPassphrases } from "./passphrase.ts";
import { progressOver } from "./progress.ts";
import type { Shell } from "./shell.ts";
import { pathOption, withPassphraseOption } from "./state_options.ts";

/** Source: Open Nexus OS, `fsck-statefs`, exit codes. */
const UNRECOVERABLE = 2;
const BLOCK_BYTES = 512;
const EXAMPLES = `
Nothing is written without --repair, and nothing with --dry-run, which shows each block that --repair
would write. A repair ends transactions that nobody can end any more, cuts off what a torn write left,
and writes block 0 anew where it was lost; no value is changed. Damage that valid records follow is
reported and never guessed away. A directory in use by a node is refused.

With --state values are opened and judged under the directory's key; a bare IMAGE has none, and only
its records and transactions are judged. So it is of a directory under a passphrase when none is given
and standard input is no terminal.

Exit codes of this command, as fsck-statefs has them: 0 clean, 1 transactions without an end, mended
or not, 2 beyond repair, or not judged: standard error says why.

Examples:
  nx fsck --state ./node-a
  nx fsck --state ./node-a --repair --dry-run
  nx fsck ./copy.img --json
`;

interface FsckOptions extends PassphraseChoice {
  readonly state?: string;
  readonly repair?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

/** `nx fsck`: what is wrong with an image. */
export function addFsck(program: Command, shell: Shell): void {
  withPassphraseOption(
    program.command("fsck")
      .description("judge the image of a stopped node, and mend what can be")
      .argument("[image]", "an image of its own", pathOption)
      .option("--state <dir>", "the image of this state directory", pathOption),
  )
    .option("--repair", "mend what can be mended")
    .option("--dry-run", "show what --repair would write, and write nothing")
    .option("--json", "one JSON object")
    .addHelpText("after", EXAMPLES)
    .action((image: string | undefined, options: FsckOptions) => fsck(shell, image, options));
}

async function fsck(shell: Shell, image: string | undefined, options: FsckOptions): Promise<void> {
  const { state, passphraseFile, passphrase: ask, json } = options;
  if ((image === undefined) === (state === undefined)) {
    throw new CommandFailure(EXIT.usage, "name one image: IMAGE, or --state DIR");
  }
  if ((passphraseFile ?? ask) !== undefined && state === undefined) {
    throw new CommandFailure(EXIT.usage, "a passphrase needs --state: an image has no key");
  }
  const mode = modeOf(options);
  try {
    const source = sourceOf(shell, options, state);
    const checked = await withPassphrases(shell, [source], ([passphrase]) => {
      const progress = progressOver(shell, "deriving the key:");
      const { state: ports } = shell.ports;
      return state === undefined
        ? checkImageFile(ports, image ?? "", { mode })
        : checkState(ports, state, { mode, passphrase, progress });
    });
    if (json) shell.output.json(factsOf(checked, mode));
    else for (const line of linesOf(checked, mode)) shell.output.line(line);
    shell.finish(checked.exitCode);
  } catch (error) {
    // What was not judged is not clean, and 1 would say that it was judged.
    if (error instanceof StateFailure) throw new CommandFailure(UNRECOVERABLE, error.message);
    throw error;
  }
}

function modeOf({ repair, dryRun }: FsckOptions): CheckMode {
  if (dryRun === true) return "plan";
  return repair === true ? "repair" : "judge";
}

function factsOf(checked: CheckedImage, mode: CheckMode): Readonly<Record<string, unknown>> {
  const { report, image, key, keystoreKey, foreign, resized, rolledBack, repaired } = checked;
  const { imageId, repair, sequence = null, ...found } = report;
  return {
    ...found,
    ...{ image, exitCode: checked.exitCode, verdict: verdictOf(checked), key, keystoreKey },
    ...{ foreign, resized, rolledBack, mode, repaired, sequence },
    imageId: imageId === undefined ? null : toHex(imageId),
    repair: repair.map(({ block, bytes }) => ({ block, count: bytes.length / BLOCK_BYTES })),
  };
}

function linesOf(checked: CheckedImage, mode: CheckMode): readonly string[] {
  const { report, image } = checked;
  const { layout, superblock, generation, records, keys, end, tail } = report;
  return [
    `image    ${image}`,
    `layout   ${layout}, superblock ${superblock}, generation ${generation}`,
    `log      ${records} records, ${keys} values, ends at byte ${end}, tail ${tail}`,
    `values   ${valuesText(checked)}`,
    `orphans  ${report.orphans.length === 0 ? "none" : report.orphans.join(" ")}`,
    ...repairLines(checked, mode),
    `verdict  ${verdictOf(checked)}`,
  ];
}

const NOT_OPENED = {
  used: "not opened: the image names no id",
  "not_given": "not opened: give the passphrase with --passphrase-file or --passphrase",
  lost: "not opened: the directory's key file is gone",
  none: "not opened: a bare image has no key",
} as const;

function valuesText({ report, key }: CheckedImage): string {
  const { opened, integrity, rollback, forgedDeletes, ignored } = report;
  const ignoredText = ignored === 0 ? "" : `; ${ignored} records ignored`;
  if (!opened) return NOT_OPENED[key] + ignoredText;
  const deleted = forgedDeletes === 0 ? "" : `, ${forgedDeletes} deleted without the key`;
  return `opened, ${integrity} forged, ${rollback} older than they should be${deleted}${ignoredText}`;
}

function repairLines({ report, repaired }: CheckedImage, mode: CheckMode): readonly string[] {
  const { repair } = report;
  if (repair.length === 0) return ["repair   nothing to write"];
  if (repaired) return [`repair   done, ${repair.length} writes`];
  if (mode === "judge") return [`repair   ${repair.length} writes, with --repair`];
  return repair.map(({ block, bytes }) => {
    const count = bytes.length / BLOCK_BYTES;
    return `repair   would write block ${block}${count === 1 ? "" : ` to ${block + count - 1}`}`;
  });
}

function verdictOf(checked: CheckedImage): string {
  const { report, key, keystoreKey, foreign, resized, rolledBack, repaired, exitCode } = checked;
  if (exitCode === 0) return repaired ? "clean, after what a torn write left was mended" : "clean";
  if (exitCode === 1) return `transactions without an end${repaired ? ", mended" : ""}`;
  if (resized) {
    return "beyond repair: it has another length than it was made with; put it back from a copy";
  }
  if (foreign) return "beyond repair: it is another image than its directory was made with";
  if (rolledBack) {
    return "beyond repair: it is older than it was seen to be; put the newer one back";
  }
  if (report.exitCode === UNRECOVERABLE) return `beyond repair: ${damageOf(report)}`;
  if (key === "lost") return "beyond repair: the key is gone";
  assert(keystoreKey === "damaged", "what is beyond repair has a reason");
  return "beyond repair: keystored's own key in state.json is damaged; put state.json back from a copy";
}

function damageOf(report: CheckedImage["report"]): string {
  if (report.overfull) return "it holds more than is read: 65,536 values and 32 MiB";
  return BEYOND[report.tail] ?? refusedText(report);
}

function refusedText(
  { foreignKey, integrity, rollback, forgedDeletes }: CheckedImage["report"],
): string {
  if (foreignKey) return FOREIGN_KEY;
  const refused = integrity + rollback;
  return refused > 0
    ? `${refused} values do not open, see above`
    : `${forgedDeletes} values were deleted without the key, see above`;
}

const FOREIGN_KEY = "it does not open under this key";
const BEYOND: Readonly<Record<string, string>> = {
  damaged: "no log is to be found, or valid records follow a damage",
  endless: "it holds more records than are read",
};

import type { Command } from "commander";
import { toHex } from "@runtime/core/hex.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { type ImportReport, importState } from "../statefsd/client/import_state.ts";
import { type OpenedState, openState } from "../statefsd/client/open_state.ts";
import { imageNameOf, keyNameOf } from "../statefsd/client/state_facts.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { importedOr, importFacts, importLines } from "./init_from.ts";
import { type PassphraseChoice, sourceOf, withPassphrases } from "./passphrase.ts";
import { progressOver } from "./progress.ts";
import type { Shell } from "./shell.ts";
import {
  pathOption,
  SECTORS_DEFAULT,
  sizeOption,
  sizeText,
  withStateOptions,
} from "./state_options.ts";

const EXAMPLES = `
What a node keeps in the directory is sealed under its record key. That key is drawn here, from this
host's random source, and lies in the directory as record.key; or it follows from a passphrase, and
lies nowhere. It is the one key outside keystored. Whoever has the image and the key reads everything;
whoever loses the key loses everything. Names, sizes and times are not sealed.

The image is as large as it will ever be. A directory whose nx init was cut off is completed by
repeating the command. nx up --state makes one too.

--from takes over the values of an image of Open Nexus OS, of its first layout or its second: each is
opened under the keys that the image holds, and sealed anew. The image is only read; it must be a file
of yours alone, mode 0600. Not taken over are the device key, for private keys exist in keystored alone
and the node draws its own, and what lies under /state/statefsd/ and /state/log/. Where a value cannot
be read, or may not be here, nothing is made: --skip-unreadable leaves such values out and names them,
and of an image with a damage takes what lies before it, as Open Nexus OS does when it mounts one.

Examples:
  nx init --state ./node-a
  nx init --state ./node-a --size 1GiB
  nx init --state ./node-a --passphrase               asked for at the terminal, twice
  nx init --state ./node-a --passphrase-file ./passphrase
  nx init --state ./node-a --from ./blk.img
`;

interface InitOptions extends PassphraseChoice {
  readonly state: string;
  readonly size: number;
  readonly from?: string;
  readonly skipUnreadable?: true;
  readonly json?: true;
}

/** `nx init`: a state directory. */
export function addInit(program: Command, shell: Shell): void {
  withStateOptions(program.command("init"))
    .description("make a state directory: an image, and the key that it is sealed under")
    .option("--size <bytes>", "of the image, 64KiB to 4GiB; 64MiB unless said", sizeOption)
    .option("--from <image>", "take over the values of an image of Open Nexus OS", pathOption)
    .option("--skip-unreadable", "with --from: leave out what cannot be taken over, and name it")
    .option("--json", "one JSON object")
    .addHelpText("after", EXAMPLES)
    .action((options: Omit<InitOptions, "size"> & { readonly size?: number }) =>
      init(shell, { ...options, size: options.size ?? SECTORS_DEFAULT })
    );
}

async function init(shell: Shell, options: InitOptions): Promise<void> {
  if (options.skipUnreadable === true && options.from === undefined) {
    throw new CommandFailure(EXIT.usage, "--skip-unreadable needs --from");
  }
  await shell.ports.state.admitKeys();
  const source = sourceOf(shell, options, options.state);
  const made = await withPassphrases(
    shell,
    [source],
    ([passphrase]) => make(shell, options, passphrase),
  );
  tell(shell, made, options.json === true);
  shell.finish(EXIT.ok);
}

async function make(
  shell: Shell,
  { state: path, size: sectorCount, from, skipUnreadable }: InitOptions,
  passphrase: Secret | undefined,
): Promise<Made> {
  const progress = progressOver(shell, "making the state directory:");
  const { state: ports } = shell.ports;
  if (from !== undefined) {
    const skips = skipUnreadable === true;
    const ask = { from, sectorCount, skipUnreadable: skips, passphrase, progress };
    return importedOr(await importState(ports, path, ask), from);
  }
  const create = { sectorCount };
  const state = await openState(ports, path, { passphrase, progress, create, mustBeNew: true });
  await state.close();
  return { state };
}

/** What was made, and what was taken over into it. */
interface Made {
  readonly state: OpenedState;
  readonly report?: ImportReport;
}

function tell({ output }: Shell, { state, report }: Made, json: boolean): void {
  if (json) return output.json({ ...madeFacts(state), ...report && { from: importFacts(report) } });
  for (const line of [...madeLines(state), ...report === undefined ? [] : importLines(report)]) {
    output.line(line);
  }
}

function keyFileOf({ folder, facts }: OpenedState): string | undefined {
  return facts.key.kind === "file" ? `${folder.path}/${keyNameOf(facts.rekeys)}` : undefined;
}

function imageOf({ folder, facts }: OpenedState): string {
  return `${folder.path}/${imageNameOf(facts.rekeys)}`;
}

function madeFacts(state: OpenedState): Readonly<Record<string, unknown>> {
  const { folder: { path }, facts, imageId, made } = state;
  return {
    ...{ path, image: imageOf(state), bytes: facts.sectorCount * 512, imageId: toHex(imageId) },
    ...{ key: facts.key.kind, keyFile: keyFileOf(state) ?? null, completed: made === "completed" },
  };
}

function madeLines(state: OpenedState): readonly string[] {
  const keyFile = keyFileOf(state);
  return [
    `image  ${imageOf(state)}, ${sizeText(state.facts.sectorCount)}`,
    `key    ${keyFile ?? "follows from the passphrase, and lies nowhere"}`,
    keyFile === undefined
      ? "Keep the passphrase and state.json: without them everything in the image is lost."
      : "Keep a copy of the key elsewhere: without it everything in the image is lost.",
  ];
}

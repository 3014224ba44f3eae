import type { Command } from "commander";
import { toHex } from "@runtime/core/hex.ts";
import { type OpenedState, openState } from "../statefsd/client/open_state.ts";
import { imageNameOf, keyNameOf } from "../statefsd/client/state_facts.ts";
import { EXIT } from "./exit_code.ts";
import { type PassphraseChoice, sourceOf, withPassphrases } from "./passphrase.ts";
import { progressOver } from "./progress.ts";
import type { Shell } from "./shell.ts";
import { SECTORS_DEFAULT, sizeOption, sizeText, withStateOptions } from "./state_options.ts";

const EXAMPLES = `
What a node keeps in the directory is sealed under its record key. That key is drawn here, from this
host's random source, and lies in the directory as record.key; or it follows from a passphrase, and
lies nowhere. It is the one key outside keystored. Whoever has the image and the key reads everything;
whoever loses the key loses everything. Names, sizes and times are not sealed.

The image is as large as it will ever be. A directory whose nx init was cut off is completed by
repeating the command. nx up --state makes one too.

Examples:
  nx init --state ./node-a
  nx init --state ./node-a --size 1GiB
  nx init --state ./node-a --passphrase               asked for at the terminal, twice
  nx init --state ./node-a --passphrase-file ./passphrase
`;

interface InitOptions extends PassphraseChoice {
  readonly state: string;
  readonly size: number;
  readonly json?: true;
}

/** `nx init`: a state directory. */
export function addInit(program: Command, shell: Shell): void {
  withStateOptions(program.command("init"))
    .description("make a state directory: an image, and the key that it is sealed under")
    .option("--size <bytes>", "of the image, 64KiB to 4GiB; 64MiB unless said", sizeOption)
    .option("--json", "one JSON object")
    .addHelpText("after", EXAMPLES)
    .action((options: Omit<InitOptions, "size"> & { readonly size?: number }) =>
      init(shell, { ...options, size: options.size ?? SECTORS_DEFAULT })
    );
}

async function init(shell: Shell, options: InitOptions): Promise<void> {
  const { ports } = shell;
  await ports.state.admitKeys();
  const source = sourceOf(shell, options, options.state);
  await withPassphrases(shell, [source], async ([passphrase]) => {
    const state = await openState(ports.state, options.state, {
      passphrase,
      create: { sectorCount: options.size },
      mustBeNew: true,
      progress: progressOver(shell, "making the state directory:"),
    });
    await state.close();
    tell(shell, state, options.json === true);
  });
  shell.finish(EXIT.ok);
}

function tell({ output }: Shell, { folder, facts, imageId, made }: OpenedState, json: boolean) {
  const image = `${folder.path}/${imageNameOf(facts.rekeys)}`;
  const keyFile = facts.key.kind === "file" ? `${folder.path}/${keyNameOf(facts.rekeys)}` : null;
  if (json) {
    const { path } = folder;
    const bytes = facts.sectorCount * 512;
    const completed = made === "completed";
    const key = facts.key.kind;
    return output.json({ path, image, bytes, imageId: toHex(imageId), key, keyFile, completed });
  }
  output.line(`image  ${image}, ${sizeText(facts.sectorCount)}`);
  output.line(`key    ${keyFile ?? "follows from the passphrase, and lies nowhere"}`);
  output.line(
    keyFile === null
      ? "Keep the passphrase and state.json: without them everything in the image is lost."
      : "Keep a copy of the key elsewhere: without it everything in the image is lost.",
  );
}

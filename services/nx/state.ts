import { type Command, Option } from "commander";
import { type RekeyReport, rekeyState } from "../statefsd/client/rekey_state.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { newSourceOf, type PassphraseChoice, sourceOf, withPassphrases } from "./passphrase.ts";
import { progressOver } from "./progress.ts";
import type { Shell } from "./shell.ts";
import { pathOption, withStateOptions } from "./state_options.ts";

const EXAMPLES = `
A new key is drawn, or follows from a new passphrase, and every value is sealed anew in a new image.
The node must be stopped. For the time of it the host needs room for a second image. A cut leaves the
old directory or the new one, whole. Copies of the old image stay readable with the old key.

Examples:
  nx state rekey --state ./node-a                                  a new key file
  nx state rekey --state ./node-a --new-passphrase-file ./new      a passphrase in its place
  nx state rekey --state ./node-a --new-passphrase                 asked for at the terminal, twice
  nx state rekey --state ./node-a --passphrase-file ./old --new-key-file
`;

interface RekeyOptions extends PassphraseChoice {
  readonly state: string;
  readonly newPassphraseFile?: string;
  readonly newPassphrase?: true;
  readonly newKeyFile?: true;
  readonly json?: true;
}

/** `nx state`: what is done to a state directory while no node runs on it. */
export function addState(program: Command, shell: Shell): void {
  const state = program.command("state").description("work on a stopped node's state directory");
  withStateOptions(state.command("rekey"))
    .description("put a state directory under a new key")
    .option("--new-passphrase-file <file>", "the new key follows from its first line", pathOption)
    .addOption(
      new Option("--new-passphrase", "it is asked for at the terminal, where it is not shown")
        .conflicts("newPassphraseFile"),
    )
    .addOption(
      new Option("--new-key-file", "the new key lies in a file, which is so unless said")
        .conflicts(["newPassphraseFile", "newPassphrase"]),
    )
    .option("--json", "one JSON object")
    .addHelpText("after", EXAMPLES)
    .action((options: RekeyOptions) => rekey(shell, options));
}

async function rekey(shell: Shell, options: RekeyOptions): Promise<void> {
  const { state, newKeyFile } = options;
  const sources = [sourceOf(shell, options, state), newSourceOf(shell, options)];
  const [old, anew] = sources;
  if (old !== undefined && anew === undefined && newKeyFile !== true) {
    throw new CommandFailure(
      EXIT.usage,
      "say what the new key is: --new-passphrase-file, --new-passphrase or --new-key-file",
    );
  }
  const { ports } = shell;
  await ports.state.admitKeys();
  const report = await withPassphrases(
    shell,
    sources,
    ([passphrase, newPassphrase]) =>
      rekeyState(ports.state, state, {
        ...{ passphrase, newPassphrase },
        progress: progressOver(shell, "changing the key:"),
      }),
  );
  tell(shell, report, options.json === true);
  shell.finish(EXIT.ok);
}

function tell({ output }: Shell, report: RekeyReport, json: boolean): void {
  const { rekeys, keys, sequence, keyFile } = report;
  if (json) return output.json({ rekeys, keys, sequence, keyFile: keyFile ?? null });
  output.line(`${keys} values are sealed under the new key`);
  output.line(`key  ${keyFile ?? "follows from the new passphrase, and lies nowhere"}`);
}

import type { Command } from "commander";
import { AAD_LENGTH_MAX, PLAIN_LENGTH_MAX } from "../../keystored/client/key_limits.ts";
import type { KeyRef } from "../../keystored/client/key_requests.ts";
import { SEALED_LENGTH_MAX } from "../../keystored/client/sealed_blob.ts";
import { EXIT } from "../exit_code.ts";
import { type NodeChoice, type Shell, withNodeOptions } from "../shell.ts";
import { boundData, withBoundData } from "./bound_data.ts";
import { type InputChoice, readInput, withInput } from "./input.ts";
import { askKeys, withKey } from "./key_shell.ts";
import { labelOption } from "./options.ts";
import { putResult, type ResultChoice, withResult } from "./result.ts";

const SEAL_EXAMPLES = `
The key seals up to ${PLAIN_LENGTH_MAX} bytes, and it alone opens them. --aad is not sealed in: it must be
given again to open them. The label stands in front in the clear, and cannot be changed.

Examples:
  nx key seal mail drafts --in draft.txt --out draft.sealed
  nx key seal mail drafts --in draft.txt --aad "folder 7" --label draft --format base64
`;
const UNSEAL_EXAMPLES = `
A file that --out makes is for its owner alone: mode 0600.

Examples:
  nx key unseal mail drafts --in draft.sealed --out draft.txt
  nx key unseal mail drafts --in draft.b64 --in-format base64 --aad "folder 7"
`;
const REWRAP_EXAMPLES = `
After nx key rotate: what an older version sealed is sealed by the newest, and nobody sees what it is.

Examples:
  nx key rewrap mail drafts --in draft.sealed --out draft.sealed
`;

/** What a command takes to seal or to open. */
export interface SealOptions extends NodeChoice, InputChoice, ResultChoice {
  readonly aad?: string;
  readonly aadFile?: string;
  readonly label?: string;
}

const AAD_TEXT = "data that is bound to it, and must be given again to open it";

/** Adds `--aad` and `--aad-file`. */
export function withAad(command: Command): Command {
  return withBoundData(command, "aad", AAD_TEXT);
}

/** The data that is bound to what is sealed. */
export function aadOf({ ports }: Shell, { aad, aadFile }: SealOptions): Promise<Uint8Array> {
  const bound = { name: "aad", lengthMax: AAD_LENGTH_MAX };
  return boundData(ports, { text: aad, file: aadFile }, bound);
}

/** Adds `--label` of what is sealed. */
export function withSealLabel(command: Command): Command {
  return command.option("--label <text>", "stands in front in the clear", labelOption);
}

/** `nx key seal`, `nx key unseal` and `nx key rewrap`. */
export function addKeySeal(key: Command, shell: Shell): void {
  const seals = withInput(withNodeOptions(withKey(key.command("seal"))), "the plaintext");
  withSealLabel(withAad(withResult(seals, "the sealed bytes")))
    .description("seal bytes so that this key alone opens them")
    .addHelpText("after", SEAL_EXAMPLES)
    .action((app: string, name: string, options: SealOptions) =>
      seal(shell, { app, key: name }, options)
    );
  const opens = withInput(withNodeOptions(withKey(key.command("unseal"))), "the sealed bytes");
  withAad(withResult(opens, "the plaintext"))
    .description("open what a key sealed")
    .addHelpText("after", UNSEAL_EXAMPLES)
    .action((app: string, name: string, options: SealOptions) =>
      unseal(shell, { app, key: name }, options)
    );
  const wraps = withInput(withNodeOptions(withKey(key.command("rewrap"))), "the sealed bytes");
  withAad(withResult(wraps, "what is sealed anew"))
    .description("seal anew, by a key's newest version, what it sealed")
    .addHelpText("after", REWRAP_EXAMPLES)
    .action((app: string, name: string, options: SealOptions) =>
      rewrap(shell, { app, key: name }, options)
    );
}

async function seal(shell: Shell, ref: KeyRef, options: SealOptions): Promise<void> {
  const aad = await aadOf(shell, options);
  const plain = await readInput(shell.ports, options, {
    ...{ what: "a seal", lengthMax: PLAIN_LENGTH_MAX },
    hint: "; seal a key of your own, and encrypt the file under that",
  });
  const { label = "" } = options;
  const input = { plain, aad, label };
  const { sealed, ...facts } = await askKeys(shell, options, ref, (keys) => keys.seal(ref, input));
  plain.fill(0);
  putResult(shell, options, { bytes: sealed, name: "sealed", secret: false, facts });
  shell.finish(EXIT.ok);
}

async function sealedInput(shell: Shell, options: SealOptions) {
  const aad = await aadOf(shell, options);
  const bound = { what: "something that is sealed", lengthMax: SEALED_LENGTH_MAX };
  return { aad, sealed: await readInput(shell.ports, options, bound) };
}

async function unseal(shell: Shell, ref: KeyRef, options: SealOptions): Promise<void> {
  const input = await sealedInput(shell, options);
  const { plain, ...facts } = await askKeys(
    shell,
    options,
    ref,
    (keys) => keys.unseal(ref, input),
  );
  putResult(shell, options, { bytes: plain, name: "plain", secret: true, facts });
  shell.finish(EXIT.ok);
}

async function rewrap(shell: Shell, ref: KeyRef, options: SealOptions): Promise<void> {
  const input = await sealedInput(shell, options);
  const { sealed, ...facts } = await askKeys(
    shell,
    options,
    ref,
    (keys) => keys.rewrap(ref, input),
  );
  putResult(shell, options, { bytes: sealed, name: "sealed", secret: false, facts });
  shell.finish(EXIT.ok);
}

/**
 * Passphrases: from a file, from whoever sits at the terminal, or from the supervisor that asked.
 *
 * @module
 */

import { equalSecretBytes } from "@runtime/core/bytes.ts";
import type { HiddenLine } from "@runtime/core/program_ports.ts";
import type { Secret } from "@runtime/core/secret.ts";
import {
  PASSPHRASE_FILE_LENGTH_MAX,
  PASSPHRASE_LENGTH_MAX,
  PASSPHRASE_LENGTH_MIN,
  passphraseOf,
  passphraseOfLine,
} from "../statefsd/client/record_key.ts";
import { type PassphraseUse, passphraseUse } from "../statefsd/client/passphrase_use.ts";
import { stating } from "../statefsd/client/state_failure.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import type { Shell } from "./shell.ts";

/** How a passphrase is given, as a command's options have it. */
export interface PassphraseChoice {
  readonly passphraseFile?: string;
  /** Whoever sits at the terminal is asked. */
  readonly passphrase?: true;
  /** Of a node under a supervisor: that one has asked, and tells it. */
  readonly passphraseInput?: true;
}

/** Where a passphrase comes from; `undefined` where there is none. */
export type PassphraseSource =
  | { readonly kind: "file"; readonly path: string }
  /** @see askTwice */
  | { readonly kind: "asked"; readonly prompt: string; readonly twice: boolean }
  | { readonly kind: "input" }
  | undefined;

/** What is asked about a passphrase that opens something, or will. */
export const PROMPT = "passphrase: ";
/** What is asked about a new one, where there is an old one too. */
export const NEW_PROMPT = "new passphrase: ";

/**
 * Where the passphrase of a state directory comes from. Nobody is asked yet.
 *
 * @throws {CommandFailure} where whoever is to be asked sits at no terminal.
 */
export function sourceOf(
  shell: Shell,
  choice: PassphraseChoice,
  state: string | undefined,
): PassphraseSource {
  const { passphraseFile: path, passphrase, passphraseInput } = choice;
  if (passphraseInput === true) return { kind: "input" };
  if (path !== undefined) return { kind: "file", path };
  if (passphrase === true) return asked(shell, "--passphrase", PROMPT, useOf(shell, state));
  const askable = shell.ports.keyboard.interactive && useOf(shell, state) === "opens";
  return askable ? { kind: "asked", prompt: PROMPT, twice: false } : undefined;
}

/** The same of the one that a directory is put under anew. */
export function newSourceOf(
  shell: Shell,
  { newPassphraseFile: path, newPassphrase }: {
    readonly newPassphraseFile?: string;
    readonly newPassphrase?: true;
  },
): PassphraseSource {
  if (path !== undefined) return { kind: "file", path };
  if (newPassphrase !== true) return undefined;
  return asked(shell, "--new-passphrase", NEW_PROMPT, "sets");
}

/**
 * Does `work` with passphrases, which are forgotten afterwards.
 *
 * @throws {StateFailure} `bad_passphrase` of a file, and what the host refuses.
 * @throws {CommandFailure} when whoever is asked gives none.
 */
export async function withPassphrases<T>(
  shell: Shell,
  sources: readonly PassphraseSource[],
  work: (passphrases: readonly (Secret | undefined)[]) => Promise<T>,
): Promise<T> {
  const secrets: (Secret | undefined)[] = [];
  try {
    for (const source of sources) {
      secrets.push(await stating(() => passphraseFrom(shell, source)));
    }
    return await work(secrets);
  } finally {
    for (const secret of secrets) secret?.wipe();
  }
}

function useOf({ ports }: Shell, state: string | undefined): PassphraseUse {
  return state === undefined ? "none" : passphraseUse(ports.state.host, state);
}

function asked(
  { ports }: Shell,
  flag: string,
  prompt: string,
  use: PassphraseUse,
): PassphraseSource {
  if (ports.keyboard.interactive) return { kind: "asked", prompt, twice: use === "sets" };
  throw new CommandFailure(
    EXIT.usage,
    `${flag} asks at a terminal, and standard input is none: give ${flag}-file FILE in its place`,
  );
}

async function passphraseFrom(
  shell: Shell,
  source: PassphraseSource,
): Promise<Secret | undefined> {
  const { keyboard, state } = shell.ports;
  switch (source?.kind) {
    case undefined:
      return undefined;
    case "file": {
      const bytes = state.host.readPrivate(source.path, PASSPHRASE_FILE_LENGTH_MAX);
      return passphraseOf(bytes, source.path);
    }
    case "input":
      return secretOf(await keyboard.inputLine(PASSPHRASE_LENGTH_MAX));
    case "asked":
      return source.twice ? await askTwice(shell, source.prompt) : await ask(shell, source.prompt);
  }
}

/** Asks for one that is being set: what nobody saw may be another one than was meant. */
async function askTwice(shell: Shell, prompt: string): Promise<Secret> {
  const first = await ask(shell, prompt);
  try {
    const second = await ask(shell, `${prompt.trimEnd()} (again) `);
    const same = first.use((a) => second.use((b) => equalSecretBytes(a, b)));
    second.wipe();
    if (same) return first;
    throw new CommandFailure(EXIT.failed, "the two passphrases differ: nothing was changed");
  } catch (error) {
    first.wipe();
    throw error;
  }
}

async function ask({ ports }: Shell, prompt: string): Promise<Secret> {
  return secretOf(await ports.keyboard.hiddenLine(prompt, PASSPHRASE_LENGTH_MAX));
}

/** @throws {CommandFailure} for a line that is no passphrase, and where none came. */
function secretOf(given: HiddenLine): Secret {
  if (given.status === "ended" || given.status === "interrupted") {
    throw new CommandFailure(EXIT.failed, "no passphrase was given: nothing was changed");
  }
  const secret = given.status === "ok" ? passphraseOfLine(given.line) : undefined;
  if (secret !== undefined) return secret;
  throw new CommandFailure(
    EXIT.failed,
    `a passphrase has ${PASSPHRASE_LENGTH_MIN} to ${PASSPHRASE_LENGTH_MAX} bytes`,
  );
}

import { type Command, Option } from "commander";
import { pathOption } from "../state_options.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import type { NxPorts } from "../ports.ts";
import { decoded, encodedLengthMax, type Encoding, ENCODINGS } from "./encoding.ts";

/** Where a command's bytes come from. */
export interface InputChoice {
  readonly in: string;
  readonly inFormat: Encoding;
}

/** Adds `--in` and `--in-format`. @param what What is read there. */
export function withInput(command: Command, what: string): Command {
  return command
    .addOption(
      new Option("--in <file>", `${what}; - is standard input`).argParser(pathOption)
        .default("-", "standard input"),
    )
    .addOption(
      new Option("--in-format <name>", "how its bytes are written there")
        .choices(ENCODINGS).default("raw"),
    );
}

/** What is read, how much of it at most, and what to do with more. */
export interface InputBound {
  /** What it is, in a complaint. */
  readonly what: string;
  readonly lengthMax: number;
  /** What else could be done with more. */
  readonly hint?: string;
}

/**
 * Reads a command's input to its end.
 *
 * @throws {CommandFailure} 2 when it is longer than its bound, or not as its format says.
 */
export function readInput(
  { input }: Pick<NxPorts, "input">,
  choice: InputChoice,
  bound: InputBound,
): Promise<Uint8Array> {
  return readFormatted({ input }, { path: choice.in, format: choice.inFormat }, bound);
}

/** Reads a file, or standard input, of bytes in a format. @throws {CommandFailure} As `readInput`. */
export async function readFormatted(
  { input }: Pick<NxPorts, "input">,
  { path, format }: { readonly path: string; readonly format: Encoding },
  { what, lengthMax, hint = "" }: InputBound,
): Promise<Uint8Array> {
  const tooLong = () =>
    new CommandFailure(
      EXIT.usage,
      `${named(path)}: ${what} takes at most ${lengthMax} bytes, and this is longer${hint}`,
    );
  const most = encodedLengthMax(lengthMax, format);
  const whole = new Uint8Array(most);
  let length = 0;
  for await (const piece of input.pieces(path)) {
    if (length + piece.length > most) throw tooLong();
    whole.set(piece, length);
    length += piece.length;
  }
  const bytes = decoded(whole.subarray(0, length), format);
  if (bytes === undefined) {
    throw new CommandFailure(EXIT.usage, `${named(path)} is not written as ${format}`);
  }
  if (bytes.length > lengthMax) throw tooLong();
  return bytes;
}

/** How a complaint names an input. */
export function named(path: string): string {
  return path === "-" ? "standard input" : path;
}

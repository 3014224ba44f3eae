import { type Command, Option } from "commander";
import { CommandFailure, EXIT } from "../exit_code.ts";
import type { Shell } from "../shell.ts";
import { pathOption } from "../state_options.ts";
import { encodedText, type Encoding, ENCODINGS, plainText } from "./encoding.ts";

/** Files that hold what only their owner should read. */
const SECRET_MODE = 0o600;
const PUBLIC_MODE = 0o644;

/** Where a command's bytes go, and how. */
export interface ResultChoice {
  readonly out?: string;
  /** Raw unless said; on a terminal and in JSON base64. */
  readonly format?: string;
  readonly json?: true;
}

/** What a command made. */
export interface Result {
  readonly bytes: Uint8Array;
  /** Its name in JSON. */
  readonly name: string;
  /** Whether a file of it is for its owner alone. */
  readonly secret: boolean;
  /** What else there is to tell in JSON. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** Adds `--out` and `--format`. @param more Formats beside the encodings. */
export function withResult(
  command: Command,
  what: string,
  more: readonly string[] = [],
): Command {
  return command
    .option("--out <file>", `where to put ${what}; standard output unless said`, pathOption)
    .addOption(
      new Option(
        "--format <name>",
        "how it is written; raw unless said, base64 on a terminal and in JSON",
      ).choices([...ENCODINGS, ...more]),
    );
}

/** Puts out what a command made, in the format that was chosen or that fits the place. */
export function putResult(shell: Shell, choice: ResultChoice, result: Result): void {
  const { json, out } = choice;
  const format = encodingOf(choice);
  if (out !== undefined) {
    writeFile(shell, out, result, format ?? "raw");
    if (json) shell.output.json({ ...result.facts, file: out });
  } else if (json) {
    shell.output.json({ ...result.facts, [result.name]: jsonBytes(result.bytes, format) });
  } else print(shell, result.bytes, format);
}

/** Puts out text that a command made, such as PEM. @param text With its final line feed. */
export function putText(
  { ports, output }: Shell,
  { out, json }: ResultChoice,
  { text, name, facts }: Omit<Result, "bytes" | "secret"> & { readonly text: string },
): void {
  if (out !== undefined) ports.files.writeText(out, text, PUBLIC_MODE);
  else if (!json) ports.terminal.out(text);
  if (json) output.json(out === undefined ? { ...facts, [name]: text } : { ...facts, file: out });
}

function encodingOf({ format }: ResultChoice): Encoding | undefined {
  return ENCODINGS.find((encoding) => encoding === format);
}

function jsonBytes(bytes: Uint8Array, format: Encoding | undefined): string {
  if (format === "raw") {
    throw new CommandFailure(
      EXIT.usage,
      "JSON holds no raw bytes: take --format hex, or --out FILE",
    );
  }
  return encodedText(bytes, format ?? "base64");
}

function writeFile(
  { ports }: Shell,
  path: string,
  { bytes, secret }: Result,
  format: Encoding,
): void {
  const mode = secret ? SECRET_MODE : PUBLIC_MODE;
  if (format === "raw") ports.files.writeBytes(path, bytes, mode);
  else ports.files.writeText(path, `${encodedText(bytes, format)}\n`, mode);
}

/** A terminal gets no byte that could be an order to it. */
function print({ ports: { terminal }, output }: Shell, bytes: Uint8Array, format?: Encoding): void {
  if (format === "hex" || format === "base64") return output.line(encodedText(bytes, format));
  if (!terminal.interactive) return void terminal.outBytes(bytes);
  const text = plainText(bytes);
  if (text !== undefined) return void terminal.out(text);
  if (format === "raw") {
    throw new CommandFailure(
      EXIT.usage,
      "these bytes would garble the terminal: take --format base64, or --out FILE",
    );
  }
  output.line(encodedText(bytes, "base64"));
}

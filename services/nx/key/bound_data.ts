import { type Command, Option } from "commander";
import { utf8Length } from "@runtime/core/utf8.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import type { NxPorts } from "../ports.ts";
import { pathOption } from "../state_options.ts";
import { readFormatted } from "./input.ts";

/** Bytes that a command takes as text or from a file. */
interface Bound {
  /** The option's name without its dashes. */
  readonly name: string;
  readonly lengthMax: number;
}

/** Adds `--NAME` and `--NAME-file`. @param what What it is. */
export function withBoundData(command: Command, name: string, what: string): Command {
  return command
    .option(`--${name} <text>`, what)
    .addOption(
      new Option(`--${name}-file <file>`, "the same, from a file").argParser(pathOption)
        .conflicts(name),
    );
}

/** Reads what one of the two options gave; nothing where neither did. */
export async function boundData(
  ports: Pick<NxPorts, "input">,
  { text, file }: { readonly text: string | undefined; readonly file: string | undefined },
  { name, lengthMax }: Bound,
): Promise<Uint8Array> {
  if (file !== undefined) {
    const place = { path: file, format: "raw" } as const;
    return await readFormatted(ports, place, { what: `--${name}-file`, lengthMax });
  }
  if (utf8Length(text ?? "") > lengthMax) {
    throw new CommandFailure(EXIT.usage, `--${name} takes at most ${lengthMax} bytes`);
  }
  return new TextEncoder().encode(text ?? "");
}

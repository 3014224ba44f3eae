import { LADDER_MARKERS } from "@runtime/boot/phases/manifest.gen.ts";
import { markerPattern } from "@runtime/idl/marker.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";

/** What stands for each placeholder of a wanted line, to compare it with what is declared. */
const SAMPLES: Readonly<Record<string, string>> = {
  id: "0".repeat(64),
  ip: "0.0.0.0",
  count: "0",
  name: "a",
};

/**
 * A console line that some daemon declares, placeholders filled or not.
 *
 * @throws {CommandFailure} for any other: it would be waited for in vain.
 */
export function declaredLine(text: string): string {
  const sample = text.replace(/<([a-z]+)>/g, (whole, name: string) => SAMPLES[name] ?? whole);
  if (LADDER_MARKERS.some(({ line }) => markerPattern(line).test(sample))) return text;
  throw new CommandFailure(
    EXIT.usage,
    `no daemon declares the line "${text}"; docs/reference/markers.md lists every one`,
  );
}

import { FileFailure, type Terminal } from "@runtime/core/program_ports.ts";

/** Columns of spaces between two columns of a table. */
const GAP = "  ";

/** Rows under their heads, padded so that columns align; the last column is as long as it is. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const all = [heads, ...rows];
  const widths = heads.map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? "").length))
  );
  return all.map((row) =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(GAP).trimEnd()
  );
}

/** Text of a value for programs: 64-bit numbers as numbers, bytes are never in it. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_, part) => typeof part === "bigint" ? Number(part) : part);
}

/** Text from elsewhere, safe to print: control characters become spaces. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
}

/** Text of an IPv4 address. @param address As u32. */
export function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => address >>> shift & 0xff).join(".");
}

/** A duration for people. @param ms Milliseconds. */
export function shortDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)}s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)}m${Math.floor(ms / 1_000) % 60}s`;
  return `${Math.floor(ms / 3_600_000)}h${Math.floor(ms / 60_000) % 60}m`;
}

/** What a command prints, as lines. */
export interface Output {
  line(text: string): void;
  json(value: unknown): void;
  /** To standard error: what went wrong, and what to do. */
  complain(text: string): void;
}

/**
 * Output of a command that does not end where it cannot print: its lines are lost then.
 *
 * @param lost Is told of the first loss.
 */
export function losingOutput(output: Output, lost: (failure: FileFailure) => void): Output {
  let tell = lost;
  const trying = <T>(print: (value: T) => void) => (value: T) => {
    try {
      print(value);
    } catch (error) {
      if (!(error instanceof FileFailure)) throw error;
      tell(error);
      tell = () => {};
    }
  };
  return { ...output, line: trying(output.line), json: trying(output.json) };
}

/** Output over a terminal or whatever stands in its place. */
export function outputOver(terminal: Terminal): Output {
  return {
    line: (text) => void terminal.out(`${text}\n`),
    json: (value) => void terminal.out(`${jsonText(value)}\n`),
    complain: (text) => void terminal.error(`nx: ${printable(text)}\n`),
  };
}

import { FileFailure, type Terminal } from "@runtime/core/program_ports.ts";
import { fileErrorOf } from "./files.ts";
import { type SyncWriter, writeAllSync } from "./uart_stdout.ts";

/** Standard output and error as text. */
export function hostTerminal(
  { out, error }: { readonly out: SyncWriter; readonly error: SyncWriter } = {
    out: Deno.stdout,
    error: Deno.stderr,
  },
): Terminal {
  const encoder = new TextEncoder();
  const outBytes = (bytes: Uint8Array): boolean => {
    try {
      return writeAllSync(out, bytes);
    } catch (failure) {
      throw new FileFailure(fileErrorOf(failure), "standard output", { cause: failure });
    }
  };
  return {
    interactive: Deno.stdout.isTerminal(),
    out: (text) => outBytes(encoder.encode(text)),
    outBytes,
    error(text) {
      try {
        return writeAllSync(error, encoder.encode(text));
      } catch {
        return false; // there is nowhere left to say so
      }
    },
  };
}

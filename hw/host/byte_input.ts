import { type ByteInput, FileFailure } from "@runtime/core/program_ports.ts";
import { fileErrorOf } from "./files.ts";

/** Bytes that are read at a time. */
const PIECE_LENGTH = 65_536;
/** What stands for standard input. */
const STANDARD_INPUT = "-";

/** Files and standard input, piece by piece. */
export function hostByteInput(): ByteInput {
  return { pieces: piecesOf };
}

async function* piecesOf(path: string): AsyncIterable<Uint8Array> {
  const named = path === STANDARD_INPUT ? "standard input" : path;
  const failing = (failure: unknown): never => {
    throw new FileFailure(fileErrorOf(failure), named, { cause: failure });
  };
  const file = path === STANDARD_INPUT
    ? undefined
    : await Deno.open(path, { read: true }).catch(failing);
  const source = file ?? Deno.stdin;
  const piece = new Uint8Array(PIECE_LENGTH);
  try {
    for (;;) {
      const count = await source.read(piece).catch(failing);
      if (count === null) return;
      yield piece.subarray(0, count);
    }
  } finally {
    file?.close();
  }
}

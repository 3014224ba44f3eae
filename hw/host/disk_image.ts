import { FileFailure } from "@runtime/core/program_ports.ts";
import type { Progress } from "@runtime/core/state_ports.ts";
import { fileErrorOf } from "./files.ts";
import type { PrivateOptions } from "./private_file.ts";

/** What a disk does with an open file; a test's way to fill the host's disk, or to break it. */
export type ImageFile = Pick<
  Deno.FsFile,
  | "close"
  | "readSync"
  | "seekSync"
  | "statSync"
  | "syncData"
  | "syncSync"
  | "tryLockSync"
  | "writeSync"
>;

/** Opens a private file, as `openPrivate` does. */
export type OpenImage = (path: string, options: PrivateOptions) => ImageFile;

/** How large an image is, and how it is made. */
export interface ImageOptions {
  /** In bytes. */
  readonly length: number;
  readonly open: OpenImage;
  readonly progress?: Progress | undefined;
}

const PIECE = new Uint8Array(0x10_0000);

/**
 * Makes an image file full of zeros where none is. They are really written: blocks that are allocated
 * only when a sector is first written make that flush slow, and the host may have no room left then.
 *
 * The file appears at its path whole and durable, or not at all. Nothing happens when one is there.
 */
export function createImage(
  path: string,
  { length, open, progress = () => {} }: ImageOptions,
): void {
  if (present(path)) return;
  const draft = `${path}.${crypto.randomUUID()}.new`;
  const file = open(draft, { write: true, createNew: true });
  try {
    try {
      writeZeroes(file, { path, length, progress });
      file.syncSync();
    } finally {
      file.close();
    }
    appear(draft, path);
  } finally {
    Deno.removeSync(draft);
  }
  syncFolder(path);
}

/** Whether anything lies at a path. */
export function present(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (fileErrorOf(error) === "not_found") return false;
    throw error;
  }
}

function writeZeroes(
  file: ImageFile,
  { path, length, progress }: {
    readonly path: string;
    readonly length: number;
    readonly progress: Progress;
  },
): void {
  for (let left = length; left > 0;) {
    const count = file.writeSync(PIECE.subarray(0, Math.min(left, PIECE.length)));
    if (count === 0) throw new FileFailure("failed", path);
    left -= count;
    progress(1 - left / length);
  }
}

/** A second name, and not a new one: another process may have made the file meanwhile, and uses it. */
function appear(draft: string, path: string): void {
  try {
    Deno.linkSync(draft, path);
  } catch (error) {
    if (fileErrorOf(error) !== "exists") throw error;
  }
}

/** Makes the names durable in the folder that holds a file. */
export function syncFolder(path: string): void {
  using folder = Deno.openSync(path.slice(0, path.lastIndexOf("/") + 1) || ".", { read: true });
  folder.syncSync();
}

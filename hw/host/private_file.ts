import { FileFailure } from "@runtime/core/program_ports.ts";

/** Permissions of anyone but the owner. */
const OTHERS_BITS = 0o077;
const PRIVATE_MODE = 0o600;

/** How {@linkcode openPrivate} opens. */
export interface PrivateOptions {
  readonly read?: boolean;
  readonly write?: boolean;
  /** Makes the file, which must not be there yet. */
  readonly createNew?: boolean;
  /** What lies at a path; a test's way to change it in the worst moment. */
  readonly look?: (path: string) => Deno.FileInfo;
}

/**
 * Opens a file of this user alone.
 *
 * The runtime judges a path by its letters and follows links, so what was opened is compared with
 * what lies at the path: a link, a file that was put there meanwhile, another user's and one that
 * others may open are refused. The path is looked at first, because opening a pipe would wait for its
 * other end; who can put one there between the two can write to the folder.
 *
 * @throws {FileFailure} `wrong_kind`, `not_private` or `replaced`; otherwise as `Deno.openSync`.
 */
export function openPrivate(
  path: string,
  { read = false, write = false, createNew = false, look = Deno.lstatSync }: PrivateOptions,
): Deno.FsFile {
  const before = createNew ? undefined : look(path);
  if (before !== undefined) requirePrivate(before, path);
  const file = Deno.openSync(path, { read, write, createNew, mode: PRIVATE_MODE });
  try {
    const opened = file.statSync();
    requirePrivate(opened, path);
    const named = before ?? look(path);
    if (opened.dev !== named.dev || opened.ino !== named.ino) {
      throw new FileFailure("replaced", path);
    }
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

function requirePrivate(facts: Deno.FileInfo, path: string): void {
  if (!facts.isFile) throw new FileFailure("wrong_kind", path);
  if (facts.uid !== Deno.uid()) throw new FileFailure("not_private", path);
  // A host that knows no modes lets nobody be told apart: there is nothing to refuse.
  if (((facts.mode ?? 0) & OTHERS_BITS) !== 0) throw new FileFailure("not_private", path);
}

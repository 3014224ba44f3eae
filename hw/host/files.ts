import {
  type FileError,
  type FileFacts,
  FileFailure,
  type Files,
} from "@runtime/core/program_ports.ts";
import { openPrivate } from "./private_file.ts";

const PRIVATE_FOLDER_MODE = 0o700;
const PERMISSION_BITS = 0o7777;
/** Permissions of anyone but the owner. */
const OTHERS_BITS = 0o077;

const CODES: Readonly<Record<string, FileError>> = {
  EDQUOT: "no_space",
  EEXIST: "exists",
  EFBIG: "too_large",
  EISDIR: "wrong_kind",
  ELOOP: "wrong_kind",
  ENOENT: "not_found",
  ENOSPC: "no_space",
  ENOTDIR: "wrong_kind",
  ENOTEMPTY: "not_empty",
  EACCES: "permission_denied",
  EPERM: "permission_denied",
  EROFS: "permission_denied",
};

const NAMES: Readonly<Record<string, FileError>> = {
  AlreadyExists: "exists",
  FilesystemLoop: "wrong_kind",
  IsADirectory: "wrong_kind",
  NotADirectory: "wrong_kind",
  NotCapable: "permission_denied",
  NotFound: "not_found",
  PermissionDenied: "permission_denied",
};

/** The host's file system. */
export function hostFiles(): Files {
  return {
    readBytes,
    readText: (path, lengthMax) => new TextDecoder().decode(readBytes(path, lengthMax)),
    readPrivateText: (path, lengthMax) =>
      attempt(path, () => {
        using file = openPrivate(path, { read: true });
        return new TextDecoder().decode(readOpen(file, { path, lengthMax }));
      }),
    writeBytes: replace,
    writeText: (path, text, mode) => replace(path, new TextEncoder().encode(text), mode),
    appendBytes: (path, bytes, mode) =>
      attempt(path, () => Deno.writeFileSync(path, bytes, { append: true, mode })),
    makePrivateFolder,
    list: (path) => attempt(path, () => [...Deno.readDirSync(path)].map((e) => e.name).sort()),
    remove,
    link: (target, path) => attempt(path, () => Deno.symlinkSync(target, path)),
    facts: factsOf,
    temporaryFolder: (prefix) =>
      attempt("temporary folder", () => Deno.makeTempDirSync({ prefix })),
  };
}

/** Does `work` and makes a failure of the port of what the host throws. */
export function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof FileFailure) throw error;
    throw new FileFailure(fileErrorOf(error), path, { cause: error });
  }
}

/** The port's word for what the runtime threw; `failed` for anything unknown. */
export function fileErrorOf(error: unknown): FileError {
  if (!(error instanceof Error)) return "failed";
  const code = "code" in error && typeof error.code === "string" ? CODES[error.code] : undefined;
  return code ?? NAMES[error.name] ?? "failed";
}

/** Reads at most one byte more than allowed: a file may grow, or be a device without end. */
function readBytes(path: string, lengthMax: number): Uint8Array {
  return attempt(path, () => {
    using file = Deno.openSync(path, { read: true });
    return readOpen(file, { path, lengthMax });
  });
}

/** Reads an open file to its end. @throws {FileFailure} `too_large` beyond `lengthMax` bytes. */
export function readOpen(
  file: Deno.FsFile,
  { path, lengthMax }: { readonly path: string; readonly lengthMax: number },
): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length <= lengthMax) {
    const part = new Uint8Array(Math.min(lengthMax + 1 - length, 65_536));
    const count = file.readSync(part);
    if (count === null) return joined(parts, length);
    parts.push(part.subarray(0, count));
    length += count;
  }
  throw new FileFailure("too_large", path);
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function replace(path: string, bytes: Uint8Array, mode: number): void {
  const draft = `${path}.${crypto.randomUUID()}.new`;
  attempt(path, () => {
    try {
      writeSynced(draft, bytes, mode);
      Deno.renameSync(draft, path);
    } catch (error) {
      remove(draft);
      throw error;
    }
  });
}

/** Makes a file that must not be there yet, and waits until its bytes are durable. */
export function writeSynced(path: string, bytes: Uint8Array, mode: number): void {
  using file = Deno.openSync(path, { write: true, createNew: true, mode });
  for (let offset = 0; offset < bytes.length;) offset += file.writeSync(bytes.subarray(offset));
  file.syncSync();
}

/** As {@linkcode Files.makePrivateFolder}. */
export function makePrivateFolder(path: string): void {
  attempt(path, () => Deno.mkdirSync(path, { recursive: true, mode: PRIVATE_FOLDER_MODE }));
  const facts = factsOf(path);
  const safe = facts?.kind === "folder" && facts.own && (facts.mode & OTHERS_BITS) === 0;
  if (!safe) throw new FileFailure("not_private", path);
}

function remove(path: string): void {
  attempt(path, () => {
    try {
      Deno.removeSync(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  });
}

/** As {@linkcode Files.facts}. */
export function factsOf(path: string): FileFacts | undefined {
  return attempt(path, () => {
    try {
      const found = Deno.lstatSync(path);
      const mode = (found.mode ?? 0) & PERMISSION_BITS;
      return { kind: kindOf(found), length: found.size, mode, own: found.uid === Deno.uid() };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  });
}

function kindOf(found: Deno.FileInfo): FileFacts["kind"] {
  if (found.isSymlink) return "symlink";
  if (found.isFile) return "file";
  if (found.isDirectory) return "folder";
  return found.isSocket ? "socket" : "other";
}

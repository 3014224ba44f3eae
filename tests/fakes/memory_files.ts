import { type FileFacts, FileFailure, type Files } from "@runtime/core/program_ports.ts";

/** What a test puts at a path. */
export interface MemoryEntry {
  readonly kind: FileFacts["kind"];
  readonly mode?: number;
  readonly own?: boolean;
  readonly text?: string;
  /** In the place of a text. */
  readonly bytes?: Uint8Array;
}

/** A file system in memory, absolute paths only. */
export interface MemoryFiles extends Files {
  put(path: string, entry: MemoryEntry): void;
  /** Every path, sorted. */
  paths(): readonly string[];
}

const PRIVATE_MODE = 0o700;
const OTHERS_BITS = 0o077;

export function memoryFiles(): MemoryFiles {
  const entries = new Map<string, MemoryEntry>();
  const below = (path: string) => [...entries.keys()].filter((key) => key.startsWith(`${path}/`));
  const text = (path: string): string => {
    const found = entries.get(path);
    if (found === undefined) throw new FileFailure("not_found", path);
    return found.text ?? new TextDecoder().decode(found.bytes);
  };
  const facts = (path: string): FileFacts | undefined => {
    const found = entries.get(path);
    if (found === undefined) return undefined;
    const { kind, mode = PRIVATE_MODE, own = true } = found;
    return { kind, mode, own, length: (found.bytes ?? found.text)?.length ?? 0 };
  };
  const put = (path: string, entry: MemoryEntry) => void entries.set(path, entry);
  let temporaryCount = 0;
  const files: MemoryFiles = {
    put,
    paths: () => [...entries.keys()].sort(),
    readText: text,
    readPrivateText(path, lengthMax) {
      const found = facts(path);
      if (found !== undefined && found.kind !== "file") throw new FileFailure("wrong_kind", path);
      const open = found !== undefined && (!found.own || (found.mode & OTHERS_BITS) !== 0);
      if (open) throw new FileFailure("not_private", path);
      if ((found?.length ?? 0) > lengthMax) throw new FileFailure("too_large", path);
      return text(path);
    },
    readBytes: (path) => entries.get(path)?.bytes?.slice() ?? new TextEncoder().encode(text(path)),
    writeText: (path, text, mode) => put(path, { kind: "file", mode, text }),
    writeBytes: (path, bytes, mode) => put(path, { kind: "file", mode, bytes: bytes.slice() }),
    appendBytes: (path, bytes, mode) => {
      const before = entries.has(path) ? text(path) : "";
      put(path, { kind: "file", mode, text: before + new TextDecoder().decode(bytes) });
    },
    makePrivateFolder(path) {
      const found = facts(path);
      if (found === undefined) return put(path, { kind: "folder" });
      const safe = found.kind === "folder" && found.own && (found.mode & OTHERS_BITS) === 0;
      if (!safe) throw new FileFailure("not_private", path);
    },
    list: (path) =>
      [...new Set(below(path).map((key) => key.slice(path.length + 1).split("/")[0] ?? ""))].sort(),
    remove(path) {
      if (below(path).length > 0) throw new FileFailure("not_empty", path);
      entries.delete(path);
    },
    link: (target, path) => put(path, { kind: "symlink", text: target }),
    facts,
    temporaryFolder(prefix) {
      temporaryCount += 1;
      const path = `/tmp/${prefix}${temporaryCount}`;
      put(path, { kind: "folder" });
      return path;
    },
  };
  return files;
}

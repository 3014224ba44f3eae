import type { DiskStatus } from "@runtime/core/ports.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import type { HeldDisk, HeldFolder, StateHost, StatePorts } from "@runtime/core/state_ports.ts";

const SECTOR = 512;

/** A file in memory; of an image, what a flush made safe beside what a reader sees. */
interface MemoryFile {
  bytes: Uint8Array;
  safe: Uint8Array;
  locked: boolean;
}

type MemoryFolder = Map<string, MemoryFile>;

/** State directories in memory, on a host that can go away in the middle. */
export class MemoryState implements StateHost {
  readonly folders = new Map<string, MemoryFolder>();
  readonly loose = new Map<string, MemoryFile>();
  /** Steps so far that change something. */
  steps = 0;
  /** The step from which on nothing happens any more. */
  cutAt = Infinity;
  /** What each step did. */
  readonly done: string[] = [];
  /** Folders that were held so far. */
  readonly holds: string[] = [];
  readonly #held = new Set<string>();

  /** The host after a cut, with what had not been flushed, or without it. */
  after(unflushed: "kept" | "lost"): MemoryState {
    const next = new MemoryState();
    for (const [path, folder] of this.folders) {
      const files = [...folder].map(([name, { bytes, safe }]) => {
        const left = (unflushed === "kept" ? bytes : safe).slice();
        return [name, { bytes: left, safe: left.slice(), locked: false }] as const;
      });
      next.folders.set(path, new Map(files));
    }
    return next;
  }

  step(what: string, path: string): void {
    if (this.steps++ >= this.cutAt) throw new FileFailure("failed", path);
    this.done.push(what);
  }

  look(path: string): readonly string[] | undefined {
    const folder = this.folders.get(path);
    return folder && [...folder.keys()].sort();
  }

  make(path: string): void {
    this.step("make", path);
    this.folders.set(path, new Map());
  }

  async hold(path: string): Promise<HeldFolder> {
    await Promise.resolve();
    if (this.#held.has(path)) throw new FileFailure("busy", path);
    this.#held.add(path);
    this.holds.push(path);
    return new MemoryHeldFolder(this, path, () => void this.#held.delete(path));
  }

  openImage(path: string): HeldDisk {
    return openFile(this, this.loose.get(path), path);
  }

  readPrivate(path: string, lengthMax: number): Uint8Array {
    const file = this.loose.get(path);
    if (file === undefined) throw new FileFailure("not_found", path);
    if (file.bytes.length > lengthMax) throw new FileFailure("too_large", path);
    return file.bytes.slice();
  }

  /** Puts a file anywhere. */
  put(path: string, content: string | Uint8Array): void {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content.slice();
    this.loose.set(path, { bytes, safe: bytes.slice(), locked: false });
  }
}

class MemoryHeldFolder implements HeldFolder {
  readonly path: string;
  readonly release: () => void;
  readonly #host: MemoryState;

  constructor(host: MemoryState, path: string, release: () => void) {
    this.#host = host;
    this.path = path;
    this.release = release;
  }

  get #files(): MemoryFolder {
    return this.#host.folders.get(this.path) ?? new Map();
  }

  names(): readonly string[] {
    return [...this.#files.keys()].sort();
  }

  read(name: string, lengthMax: number): Uint8Array {
    const file = this.#files.get(name);
    if (file === undefined) throw new FileFailure("not_found", `${this.path}/${name}`);
    if (file.bytes.length > lengthMax) throw new FileFailure("too_large", `${this.path}/${name}`);
    return file.bytes.slice();
  }

  create(name: string, bytes: Uint8Array): void {
    if (this.#files.has(name)) throw new FileFailure("exists", `${this.path}/${name}`);
    this.#put("create", name, bytes);
  }

  replace(name: string, bytes: Uint8Array): void {
    this.#put("replace", name, bytes);
  }

  remove(name: string): void {
    this.#host.step(`remove ${name}`, this.path);
    this.#files.delete(name);
  }

  shred(name: string): void {
    this.#host.step(`shred ${name}`, this.path);
    this.#files.delete(name);
  }

  sync(): void {
    this.#host.step("sync", this.path);
  }

  createImage(name: string, sectorCount: number): void {
    this.create(name, new Uint8Array(sectorCount * SECTOR));
  }

  openImage(name: string): HeldDisk {
    return openFile(this.#host, this.#files.get(name), `${this.path}/${name}`);
  }

  #put(what: string, name: string, bytes: Uint8Array): void {
    this.#host.step(`${what} ${name}`, this.path);
    this.#files.set(name, { bytes: bytes.slice(), safe: bytes.slice(), locked: false });
  }
}

function openFile(host: MemoryState, file: MemoryFile | undefined, path: string): HeldDisk {
  if (file === undefined) throw new FileFailure("not_found", path);
  if (file.locked) throw new FileFailure("busy", path);
  file.locked = true;
  const attempt = (what: string, work: () => void): Promise<DiskStatus> => {
    try {
      host.step(what, path);
      work();
      return Promise.resolve("ok");
    } catch {
      return Promise.resolve("io_error");
    }
  };
  return {
    sectorCount: file.bytes.length / SECTOR,
    readOnly: false,
    id: "memory",
    read(sector, into) {
      into.set(file.bytes.subarray(sector * SECTOR, sector * SECTOR + into.length));
      return Promise.resolve("ok");
    },
    write: (sector, bytes) => attempt("write", () => file.bytes.set(bytes, sector * SECTOR)),
    flush: () => attempt("flush", () => file.safe.set(file.bytes)),
    discard: () => Promise.resolve("ok"),
    writeZeroes: (sector, count) =>
      attempt("write", () => file.bytes.fill(0, sector * SECTOR, (sector + count) * SECTOR)),
    close: () => Promise.resolve(void (file.locked = false)),
  };
}

/** Ports over memory; each byte that is drawn differs from the one before. */
export function memoryStatePorts(host: MemoryState = new MemoryState(), first = 1): StatePorts & {
  readonly host: MemoryState;
} {
  let next = first * 7919;
  return {
    host,
    entropy: {
      fill(bytes) {
        for (let index = 0; index < bytes.length; index++) {
          next = Math.imul(next, 1_103_515_245) + 12_345 >>> 0;
          bytes[index] = next >>> 16;
        }
        return bytes.length;
      },
    },
    admitKeys: () => Promise.resolve(),
  };
}

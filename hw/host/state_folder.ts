import { FileFailure } from "@runtime/core/program_ports.ts";
import type { HeldDisk, HeldFolder, Progress, StateHost } from "@runtime/core/state_ports.ts";
import { lengthOf, openDiskFile } from "./disk_file.ts";
import { createImage, present, syncFolder } from "./disk_image.ts";
import {
  attempt,
  factsOf,
  fileErrorOf,
  makePrivateFolder,
  readOpen,
  writeSynced,
} from "./files.ts";
import { takeLock } from "./file_lock.ts";
import { openPrivate } from "./private_file.ts";

const PRIVATE_MODE = 0o600;
/** Permissions of anyone but the owner. */
const OTHERS_BITS = 0o077;
/** Whoever holds a folder has locked this file in it. */
const LOCK = "lock";
const DISK_ID = "NEXUS-STATE";

/** State directories of this host. */
export function hostStateFolders(): StateHost {
  return {
    look,
    make(path) {
      makePrivateFolder(path);
      syncAbove(path);
    },
    hold,
    openImage,
    readPrivate,
  };
}

async function hold(path: string): Promise<HeldFolder> {
  try {
    return await HostFolder.hold(path);
  } catch (error) {
    return attempt(path, () => {
      throw error;
    });
  }
}

function look(path: string): readonly string[] | undefined {
  const facts = factsOf(path);
  if (facts === undefined) return undefined;
  if (facts.kind !== "folder") throw new FileFailure("wrong_kind", path);
  if (!facts.own || (facts.mode & OTHERS_BITS) !== 0) throw new FileFailure("not_private", path);
  return namesIn(path);
}

function namesIn(path: string): readonly string[] {
  return attempt(path, () => [...Deno.readDirSync(path)].map(({ name }) => name))
    .filter((name) => name !== LOCK).sort();
}

function readPrivate(path: string, lengthMax: number): Uint8Array {
  return attempt(path, () => {
    using file = openPrivate(path, { read: true });
    return readOpen(file, { path, lengthMax });
  });
}

function openImage(path: string, readOnly: boolean): HeldDisk {
  return openDiskFile({ path, readOnly, id: DISK_ID });
}

/** A process that may use one folder alone cannot open the one above it: the host does it in time. */
function syncAbove(path: string): void {
  try {
    syncFolder(path.replace(/\/+$/, ""));
  } catch (error) {
    if (fileErrorOf(error) !== "permission_denied") throw error;
  }
}

class HostFolder implements HeldFolder {
  readonly path: string;
  #lock: Deno.FsFile | undefined;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  static async hold(path: string): Promise<HostFolder> {
    look(path);
    return new HostFolder(path, await lockIn(path));
  }

  names(): readonly string[] {
    return namesIn(this.path);
  }

  read(name: string, lengthMax: number): Uint8Array {
    return readPrivate(this.#at(name), lengthMax);
  }

  create(name: string, bytes: Uint8Array): void {
    this.#draft(name, bytes, (draft, path) => {
      // A second name: unlike a new one it never takes the place of a file.
      Deno.linkSync(draft, path);
      Deno.removeSync(draft);
    });
  }

  replace(name: string, bytes: Uint8Array): void {
    this.#draft(name, bytes, Deno.renameSync);
  }

  remove(name: string): void {
    const path = this.#at(name);
    attempt(path, () => Deno.removeSync(path));
    this.sync();
  }

  shred(name: string): void {
    const path = this.#at(name);
    attempt(path, () => overwrite(path));
    this.remove(name);
  }

  sync(): void {
    attempt(this.path, () => syncFolder(this.#at("")));
  }

  createImage(name: string, sectorCount: number, progress: Progress | undefined): void {
    const path = this.#at(name);
    attempt(path, () => {
      if (present(path)) throw new FileFailure("exists", path);
      createImage(path, { length: lengthOf(sectorCount), open: openPrivate, progress });
    });
  }

  openImage(name: string, readOnly: boolean): HeldDisk {
    return openImage(this.#at(name), readOnly);
  }

  release(): void {
    this.#lock?.close();
    this.#lock = undefined;
  }

  #at(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Writes the bytes to a file of another name, and has `appear` give it its own. */
  #draft(
    name: string,
    bytes: Uint8Array,
    appear: (draft: string, path: string) => void,
  ): void {
    const path = this.#at(name);
    const draft = `${path}.${crypto.randomUUID()}.new`;
    attempt(path, () => {
      try {
        writeSynced(draft, bytes, PRIVATE_MODE);
        appear(draft, path);
      } catch (error) {
        if (present(draft)) Deno.removeSync(draft);
        throw error;
      }
      syncFolder(path);
    });
  }
}

async function lockIn(path: string): Promise<Deno.FsFile> {
  const file = openLock(`${path}/${LOCK}`);
  if (await takeLock(file)) return file;
  file.close();
  throw new FileFailure("busy", path);
}

/** The lock file is never removed: two processes would then lock two files. */
function openLock(path: string): Deno.FsFile {
  try {
    openPrivate(path, { write: true, createNew: true }).close();
  } catch (error) {
    if (fileErrorOf(error) !== "exists") throw error;
  }
  return openPrivate(path, { write: true });
}

function overwrite(path: string): void {
  using file = openPrivate(path, { write: true });
  const zeros = new Uint8Array(file.statSync().size);
  for (let done = 0; done < zeros.length;) done += file.writeSync(zeros.subarray(done));
  file.syncDataSync();
}

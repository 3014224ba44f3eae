import { InvariantError } from "@runtime/core/assert.ts";
import type { Disk, DiskStatus } from "@runtime/core/ports.ts";
import { type FileError, FileFailure } from "@runtime/core/program_ports.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { settle } from "@tests/fakes/settle.ts";
import { test } from "@tests/fakes/test.ts";
import { type DiskFileOptions, openDiskFile } from "./disk_file.ts";
import type { ImageFile, OpenImage } from "./disk_image.ts";
import { openPrivate } from "./private_file.ts";

const SECTORS = 64;

/** Runs a test with a path in a folder of its own at which nothing is. */
function withPath(work: (path: string, folder: string) => Promise<void> | void) {
  return async () => {
    const folder = await Deno.makeTempDir({ prefix: "nx-disk-" });
    try {
      await work(`${folder}/disk.img`, folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
}

function openAt(path: string, options: Partial<DiskFileOptions> = {}) {
  return openDiskFile({ path, sectorCount: SECTORS, id: "NEXUS0001", ...options });
}

function refuses(code: FileError, work: () => unknown): void {
  throws(work, (error) => error instanceof FileFailure && error.code === code);
}

/** The host's own files, some of whose calls are others. */
function opening(change: (file: ImageFile) => Partial<ImageFile>): OpenImage {
  return (path, options) => {
    const file = openPrivate(path, options);
    return {
      close: () => file.close(),
      readSync: (into) => file.readSync(into),
      seekSync: (to, from) => file.seekSync(to, from),
      statSync: () => file.statSync(),
      syncData: () => file.syncData(),
      syncSync: () => file.syncSync(),
      tryLockSync: (exclusive) => file.tryLockSync(exclusive),
      writeSync: (bytes) => file.writeSync(bytes),
      ...change(file),
    };
  };
}

function hostError(code: string): Error {
  return Object.assign(new Deno.errors.NotSupported(code), { code });
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

function filled(length: number, byte = 0x5a): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

async function readBack(disk: Disk, sector: number, count: number): Promise<Uint8Array> {
  const into = filled(512 * count, 0xee);
  equal(await disk.read(sector, into), "ok");
  return into;
}

test(
  "openDiskFile makes a private file of zeros whose blocks are all there",
  withPath(async (path, folder) => {
    const disk = openAt(path);
    const { size, mode = 0, blocks = 0 } = await Deno.stat(path);
    deepEqual([size, (mode ?? 0) & 0o777], [512 * SECTORS, 0o600]);
    ok((blocks ?? 0) * 512 >= size, "the file has no holes");
    deepEqual(namesIn(folder), ["disk.img"]);
    deepEqual([disk.sectorCount, disk.readOnly, disk.id], [SECTORS, false, "NEXUS0001"]);
    deepEqual(await readBack(disk, 0, SECTORS), filled(512 * SECTORS, 0));
    await disk.close();
  }),
);

test(
  "openDiskFile opens an older file as large as it is, with what is in it",
  withPath(async (path) => {
    const disk = openAt(path);
    equal(await disk.write(2, filled(1024)), "ok");
    equal(await disk.flush(), "ok");
    await disk.close();
    const again = openAt(path, { sectorCount: 3 * SECTORS });
    equal(again.sectorCount, SECTORS);
    deepEqual(await readBack(again, 2, 2), filled(1024));
    deepEqual(await readBack(again, 4, 1), filled(512, 0));
    await again.close();
  }),
);

test(
  "openDiskFile refuses a length that is no whole number of sectors",
  withPath((path) => {
    for (const length of [0, 1, 511, 513, 1535]) {
      Deno.writeFileSync(path, filled(length), { mode: 0o600 });
      refuses("bad_length", () => openAt(path));
      equal(Deno.statSync(path).size, length);
    }
    for (const sectorCount of [0, -1, 0.5]) {
      throws(() => openAt(path, { sectorCount }), InvariantError);
    }
  }),
);

test(
  "openDiskFile refuses a link, a folder, and a file that others may open",
  withPath((path, folder) => {
    Deno.writeFileSync(`${folder}/other`, filled(512), { mode: 0o600 });
    Deno.symlinkSync(`${folder}/other`, path);
    refuses("wrong_kind", () => openAt(path));
    Deno.removeSync(path);
    Deno.symlinkSync(`${folder}/nowhere`, path);
    refuses("wrong_kind", () => openAt(path));
    refuses("wrong_kind", () => openAt(folder));
    Deno.chmodSync(`${folder}/other`, 0o640);
    refuses("not_private", () => openAt(`${folder}/other`));
    refuses("not_found", () => openAt(`${folder}/no/such`));
    refuses("not_found", () => openAt(`${folder}/none`, { readOnly: true }));
  }),
);

test(
  "openDiskFile refuses a file that changes places between its two descriptors",
  withPath(async (path, folder) => {
    await openAt(path).close();
    await Deno.writeFile(`${folder}/other`, filled(512), { mode: 0o600 });
    let opened = 0;
    const open: OpenImage = (at, options) => {
      if (++opened === 2) Deno.renameSync(`${folder}/other`, path);
      return openPrivate(at, options);
    };
    refuses("replaced", () => openAt(path, { open }));
  }),
);

test(
  "openDiskFile lets one writer in, or any number of readers",
  withPath(async (path) => {
    const writer = openAt(path);
    refuses("busy", () => openAt(path));
    refuses("busy", () => openAt(path, { readOnly: true }));
    await writer.close();
    const readers = [openAt(path, { readOnly: true }), openAt(path, { readOnly: true })];
    refuses("busy", () => openAt(path));
    for (const reader of readers) await reader.close();
    await openAt(path).close();
  }),
);

test(
  "openDiskFile refuses a file that another process writes to",
  withPath(async (path) => {
    const writer = openAt(path);
    const { code } = await new Deno.Command("flock", { args: ["-n", path, "true"] }).output();
    equal(code, 1);
    await writer.close();
  }),
  { ignore: !present("/usr/bin/flock") },
);

function present(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

test(
  "openDiskFile leaves nothing behind when the host has no room for the file",
  withPath((path, folder) => {
    for (const failsAt of ["writeSync", "syncSync"] as const) {
      const open = opening(() => ({
        [failsAt]: () => {
          throw hostError("ENOSPC");
        },
      }));
      refuses("no_space", () => openAt(path, { open }));
      deepEqual(namesIn(folder), []);
    }
    refuses("failed", () => openAt(path, { open: opening(() => ({ writeSync: () => 0 })) }));
    deepEqual(namesIn(folder), []);
  }),
);

test(
  "openDiskFile takes the file that somebody else made meanwhile",
  withPath(async (path) => {
    const open = opening((file) => ({
      syncSync: () => {
        file.syncSync();
        Deno.writeFileSync(path, filled(1024), { mode: 0o600 });
      },
    }));
    const disk = openAt(path, { open });
    deepEqual(await readBack(disk, 0, 2), filled(1024));
    await disk.close();
  }),
);

test(
  "DiskFile goes on after a call of the host that did less than asked",
  withPath(async (path) => {
    const open = opening((file) => ({
      readSync: (into) => file.readSync(into.subarray(0, 100)),
      writeSync: (bytes) => file.writeSync(bytes.subarray(0, 100)),
    }));
    const disk = openAt(path, { open, sectorCount: 2 });
    equal(await disk.write(1, filled(512)), "ok");
    deepEqual(await readBack(disk, 1, 1), filled(512));
    equal(await disk.writeZeroes(1, 1), "ok");
    deepEqual(await readBack(disk, 0, 2), filled(1024, 0));
    await disk.close();
  }),
);

test(
  "DiskFile zeroes a range longer than its own zeros, and keeps what it discards",
  withPath(async (path) => {
    const disk = openAt(path, { sectorCount: 400 });
    equal(await disk.write(0, filled(512 * 400)), "ok");
    equal(await disk.writeZeroes(1, 300), "ok");
    equal(await disk.discard(310, 10), "ok");
    const bytes = await readBack(disk, 0, 400);
    deepEqual([bytes.indexOf(0), bytes.lastIndexOf(0)], [512, 512 * 301 - 1]);
    ok(((await Deno.stat(path)).blocks ?? 0) >= 400);
    await disk.close();
  }),
);

test(
  "DiskFile says what the host could not do, and goes on",
  withPath(async (path) => {
    await openAt(path).close();
    const codes = ["ENOSPC", "EDQUOT", "EIO", "EBADF"];
    const answers: DiskStatus[] = ["no_space", "no_space", "io_error", "io_error"];
    let code: string | undefined;
    const throwing = <T>(work: () => T): T => {
      if (code !== undefined) throw hostError(code);
      return work();
    };
    const open = opening((file) => ({
      readSync: (into) => throwing(() => file.readSync(into)),
      writeSync: (bytes) => throwing(() => file.writeSync(bytes)),
    }));
    const disk = openAt(path, { open });
    for (const [index, answer] of answers.entries()) {
      code = codes[index];
      equal(await disk.write(0, filled(512)), answer);
      equal(await disk.writeZeroes(0, 1), answer);
      equal(await disk.read(0, filled(512)), answer);
    }
    code = undefined;
    equal(await disk.write(0, filled(512)), "ok");
    equal(await disk.flush(), "ok");
    await disk.close();
  }),
);

test(
  "DiskFile says io_error when the file was cut, or takes no more bytes",
  withPath(async (path) => {
    const disk = openAt(path);
    await Deno.truncate(path, 512);
    equal(await disk.read(1, filled(512)), "io_error");
    equal(await disk.read(0, filled(512)), "ok");
    await disk.close();
    const full = openAt(path, { open: opening(() => ({ writeSync: () => 0 })) });
    equal(await full.write(0, filled(512)), "io_error");
    await full.close();
  }),
);

test(
  "DiskFile whose flush failed once never says again that something is durable",
  withPath(async (path) => {
    await openAt(path).close();
    let fails = true;
    const open = opening((file) => ({
      syncData: () => fails ? Promise.reject(hostError("EIO")) : file.syncData(),
    }));
    const disk = openAt(path, { open });
    equal(await disk.write(0, filled(512)), "ok");
    const both = [disk.flush(), disk.flush()];
    deepEqual(await Promise.all(both), ["io_error", "io_error"]);
    fails = false;
    equal(await disk.flush(), "io_error");
    equal(await disk.write(0, filled(512)), "io_error");
    equal(await disk.writeZeroes(0, 1), "io_error");
    equal(await disk.read(0, filled(512)), "ok");
    await disk.close();
  }),
);

test(
  "DiskFile.flush covers a write that was answered while another flush was under way",
  withPath(async (path) => {
    await openAt(path).close();
    const events: string[] = [];
    const held: (() => void)[] = [];
    const open = opening((file) => ({
      writeSync: (bytes) => (events.push("write"), file.writeSync(bytes)),
      syncData: () => {
        events.push("sync");
        return new Promise((resolve) => held.push(resolve));
      },
    }));
    const disk = openAt(path, { open });
    await disk.write(0, filled(512));
    const first = disk.flush();
    await settle();
    await disk.write(1, filled(512));
    const later = [disk.flush(), disk.flush()];
    await settle();
    deepEqual(events, ["write", "sync", "write"]);
    held.shift()?.();
    equal(await first, "ok");
    await settle();
    deepEqual(events, ["write", "sync", "write", "sync"]);
    held.shift()?.();
    deepEqual(await Promise.all(later), ["ok", "ok"]);
    await disk.close();
  }),
);

test(
  "DiskFile that is read-only reads and flushes, and is asked for nothing else",
  withPath(async (path) => {
    await openAt(path).close();
    const disk = openAt(path, { readOnly: true });
    equal(disk.readOnly, true);
    deepEqual(await readBack(disk, 0, 1), filled(512, 0));
    equal(await disk.flush(), "ok");
    throws(() => disk.write(0, filled(512)), InvariantError);
    throws(() => disk.discard(0, 1), InvariantError);
    throws(() => disk.writeZeroes(0, 1), InvariantError);
    await disk.close();
  }),
);

test(
  "DiskFile takes no range outside itself",
  withPath(async (path) => {
    const disk = openAt(path);
    for (const sector of [64, -1, 63.5]) {
      throws(() => disk.write(sector, filled(512)), InvariantError);
      throws(() => disk.read(sector, filled(512)), InvariantError);
    }
    throws(() => disk.write(0, filled(511)), InvariantError);
    throws(() => disk.writeZeroes(60, 5), InvariantError);
    equal((await Deno.stat(path)).size, 512 * SECTORS);
    await disk.close();
  }),
);

test(
  "DiskFile that is closed answers io_error, after the flush under way has ended",
  withPath(async (path) => {
    const disk = openAt(path);
    const flushing = disk.flush();
    await disk.close();
    await disk.close();
    equal(await flushing, "ok");
    equal(await disk.flush(), "io_error");
    equal(await disk.read(0, filled(512)), "io_error");
    equal(await disk.write(0, filled(512)), "io_error");
    await openAt(path).close();
  }),
);

import { type FileError, FileFailure } from "@runtime/core/program_ports.ts";
import type { HeldFolder } from "@runtime/core/state_ports.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { hostStateFolders } from "./state_folder.ts";

const host = hostStateFolders();
const OTHER_USER = 65_534;
const BYTES = Uint8Array.of(1, 2, 3);

/** Runs a test with a folder that is held, and the path above it. */
function withFolder(work: (folder: HeldFolder, above: string) => void | Promise<void>) {
  return async () => {
    const above = await Deno.makeTempDir({ prefix: "nx-state-" });
    try {
      host.make(`${above}/a/s`);
      const folder = await host.hold(`${above}/a/s`);
      try {
        await work(folder, above);
      } finally {
        folder.release();
      }
    } finally {
      await Deno.remove(above, { recursive: true });
    }
  };
}

function refuses(code: FileError, work: () => unknown): void {
  throws(work, (error) => error instanceof FileFailure && error.code === code, code);
}

/** The same of what is waited for. */
async function refusesSoon(code: FileError, work: () => Promise<unknown>): Promise<void> {
  const failure = await work().then(() => undefined, (error) => error);
  refuses(code, () => {
    throw failure;
  });
}

test(
  "hostStateFolders make folders and files of this user alone",
  withFolder((folder) => {
    folder.create("key", BYTES);
    folder.replace("facts", BYTES);
    folder.createImage("image", 128, undefined);
    const modes = ["", "/key", "/facts", "/image", "/lock"].map((name) =>
      (Deno.statSync(folder.path + name).mode ?? 0) & 0o777
    );
    deepEqual(modes, [0o700, 0o600, 0o600, 0o600, 0o600]);
    deepEqual(folder.names(), ["facts", "image", "key"]);
    deepEqual(folder.read("key", 3), BYTES);
    refuses("too_large", () => folder.read("key", 2));
    refuses("not_found", () => folder.read("none", 2));
  }),
);

test(
  "a held folder creates no file twice, and leaves no draft of it",
  withFolder((folder) => {
    folder.create("key", BYTES);
    refuses("exists", () => folder.create("key", new Uint8Array(9)));
    deepEqual([folder.names(), folder.read("key", 9)], [["key"], BYTES]);
    folder.createImage("image", 1, undefined);
    refuses("exists", () => folder.createImage("image", 2, undefined));
    equal(Deno.statSync(`${folder.path}/image`).size, 512);
    folder.replace("key", new Uint8Array(9));
    deepEqual([folder.names(), folder.read("key", 9)], [["image", "key"], new Uint8Array(9)]);
  }),
);

test(
  "a folder is held once, until it is let go, and its image as well",
  withFolder(async (folder) => {
    await refusesSoon("busy", () => host.hold(folder.path));
    folder.createImage("image", 128, undefined);
    const disk = folder.openImage("image", false);
    equal(disk.sectorCount, 128);
    refuses("busy", () => folder.openImage("image", true));
    refuses("busy", () => host.openImage(`${folder.path}/image`, true));
    await disk.close();
    folder.release();
    const again = await host.hold(folder.path);
    await again.openImage("image", true).close();
    again.release();
    refuses("not_found", () => host.openImage(`${folder.path}/none`, false));
  }),
);

test(
  "a held folder shreds and removes, and tells how far an image is",
  withFolder((folder, above) => {
    folder.create("key", BYTES);
    Deno.linkSync(`${folder.path}/key`, `${above}/second`);
    folder.shred("key");
    deepEqual(Deno.readFileSync(`${above}/second`), new Uint8Array(3));
    folder.create("key", BYTES);
    folder.remove("key");
    deepEqual(folder.names(), []);
    refuses("not_found", () => folder.remove("key"));
    const told: number[] = [];
    folder.createImage("image", 5000, (done) => void told.push(done));
    ok(told.length > 1 && told.at(-1) === 1);
  }),
);

test(
  "hostStateFolders refuse links, folders open to others, and files in a folder's place",
  withFolder(async (folder, above) => {
    equal(host.look(`${above}/none`), undefined);
    deepEqual(host.look(folder.path), []);
    await Deno.symlink(folder.path, `${above}/link`);
    await Deno.writeFile(`${above}/file`, BYTES, { mode: 0o600 });
    for (const name of ["link", "file"]) {
      refuses("wrong_kind", () => host.look(`${above}/${name}`));
      await refusesSoon("wrong_kind", () => host.hold(`${above}/${name}`));
    }
    await Deno.mkdir(`${above}/open`, { mode: 0o755 });
    await Deno.chmod(`${above}/open`, 0o755);
    refuses("not_private", () => host.look(`${above}/open`));
    await refusesSoon("not_private", () => host.hold(`${above}/open`));
    refuses("not_private", () => host.make(`${above}/open`));
    folder.create("key", BYTES);
    await Deno.chmod(`${folder.path}/key`, 0o640);
    refuses("not_private", () => folder.read("key", 9));
    refuses("not_private", () => folder.shred("key"));
    refuses("not_private", () => host.readPrivate(`${folder.path}/key`, 9));
    await Deno.symlink(`${above}/file`, `${folder.path}/linked`);
    refuses("wrong_kind", () => folder.read("linked", 9));
    deepEqual(host.readPrivate(`${above}/file`, 3), BYTES);
    refuses("too_large", () => host.readPrivate(`${above}/file`, 2));
  }),
);

test(
  "a lock that is a link locks nothing else",
  withFolder(async (_, above) => {
    await Deno.mkdir(`${above}/t`, { mode: 0o700 });
    await Deno.writeFile(`${above}/file`, BYTES, { mode: 0o600 });
    await Deno.symlink(`${above}/file`, `${above}/t/lock`);
    await refusesSoon("wrong_kind", () => host.hold(`${above}/t`));
  }),
);

test(
  "hostStateFolders refuse a folder of another user",
  withFolder(async (_, above) => {
    await Deno.mkdir(`${above}/theirs`, { mode: 0o700 });
    await Deno.chown(`${above}/theirs`, OTHER_USER, OTHER_USER);
    refuses("not_private", () => host.look(`${above}/theirs`));
    await refusesSoon("not_private", () => host.hold(`${above}/theirs`));
  }),
  // Only root can give a folder away.
  { ignore: Deno.uid() !== 0 },
);

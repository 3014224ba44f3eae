import type { HostStream, UnixListener, UnixSockets } from "@runtime/core/ports.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { draftedSockets } from "./drafted_sockets.ts";
import { unixSockets } from "./sockets.ts";

/** Runs `body` with a folder, sockets over one path in it, and what lies in the folder. */
async function inFolder(
  body: (
    folder: string,
    sockets: UnixSockets,
    names: () => readonly string[],
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "nx-draft-" });
  const names = () => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  try {
    await body(folder, draftedSockets(unixSockets(), `${folder}/draft`), names);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** How a connection went: `opened`, then why it was closed. */
async function connected(stream: HostStream): Promise<readonly string[]> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const events: string[] = [];
  stream.observe({
    opened() {
      events.push("opened");
      stream.end();
    },
    data: (bytes) => bytes.length,
    ended() {},
    writable() {},
    closed(error) {
      events.push(`closed ${error}`);
      resolve();
    },
  });
  await promise;
  return events;
}

/** Accepts, and ends what its peer ended. */
function listening(sockets: UnixSockets, path: string): Promise<UnixListener> {
  return sockets.listen(path, (stream) => {
    stream.observe({
      opened() {},
      data: (bytes) => bytes.length,
      ended: () => stream.end(),
      writable() {},
      closed() {},
    });
  });
}

test("draftedSockets makes a socket at its one path and moves it, and leaves nothing", async () => {
  await inFolder(async (folder, sockets, names) => {
    await Deno.writeTextFile(`${folder}/draft`, "left by a dead node");
    const listener = await listening(sockets, `${folder}/own`);
    deepEqual(names(), ["own"]);
    deepEqual(await connected(unixSockets().connect(`${folder}/own`)), [
      "opened",
      "closed undefined",
    ]);
    await listener.close();
    deepEqual(names(), []);
  });
});

test("draftedSockets closes a socket whose path was taken away", async () => {
  await inFolder(async (folder, sockets, names) => {
    const listener = await listening(sockets, `${folder}/own`);
    await Deno.remove(`${folder}/own`);
    await Deno.writeTextFile(`${folder}/draft`, "");
    await listener.close();
    deepEqual(names(), []);
  });
});

test("draftedSockets asks at another socket under its one path, and only for as long", async () => {
  await inFolder(async (folder, sockets, names) => {
    const listener = await listening(unixSockets(), `${folder}/other`);
    deepEqual(await connected(sockets.connect(`${folder}/other`)), ["opened", "closed undefined"]);
    deepEqual(names(), ["other"]);
    await listener.close();
    const [refused] = await connected(sockets.connect(`${folder}/other`));
    equal(refused, "closed not_found");
    deepEqual(names(), []);
  });
});

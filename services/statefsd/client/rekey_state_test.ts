import { FileFailure } from "@runtime/core/program_ports.ts";
import { Secret } from "@runtime/core/secret.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { MemoryState, memoryStatePorts } from "@tests/fakes/memory_state.ts";
import { putValues, valuesOf, withState } from "@tests/fakes/state_values.ts";
import { test } from "@tests/fakes/test.ts";
import { checkImage } from "../fsck.ts";
import { openState } from "./open_state.ts";
import { rekeyState } from "./rekey_state.ts";
import { StateFailure } from "./state_failure.ts";

const DIR = "/s";

function passphrase(text: string): Secret {
  return new Secret(new TextEncoder().encode(text));
}

function bytesAt(host: MemoryState, name: string): Uint8Array {
  const file = host.folders.get(DIR)?.get(name);
  ok(file !== undefined, name);
  return file.bytes.slice();
}

/** A directory with values, and what they are. */
async function oldState(seed = 1) {
  const ports = memoryStatePorts(new MemoryState(), seed);
  const old = await withState(ports, DIR, async (store, state) => {
    await putValues(store);
    const key = new Secret(state.recordKey.use((bytes) => bytes.slice()));
    return { values: valuesOf(store), stats: store.stats, key };
  });
  return { ports, host: ports.host, old };
}

test("rekeyState puts every value under a new key, and leaves nothing of the old one", async () => {
  const { ports, host, old } = await oldState();
  const image = bytesAt(host, "state.img");
  const report = await rekeyState(ports, DIR, {});
  deepEqual([report.rekeys, report.keys, report.keyFile], [1, 6, `${DIR}/record.1.key`]);
  deepEqual(host.look(DIR), ["record.1.key", "state.1.img", "state.json"]);
  deepEqual(host.done.slice(-2), ["shred record.key", "remove state.img"]);
  await withState(ports, DIR, (store, state) => {
    deepEqual(valuesOf(store), old.values);
    ok(store.stats.sequence > old.stats.sequence && store.stats.sequence >= report.sequence);
    deepEqual([state.facts.rekeys, state.made], [1, "before"]);
  });
  equal((await checkImage(bytesAt(host, "state.1.img"), old.key)).exitCode, 2);
  equal((await checkImage(image, old.key)).exitCode, 0);
  equal((await rekeyState(ports, DIR, {})).rekeys, 2);
  deepEqual(host.look(DIR), ["record.2.key", "state.2.img", "state.json"]);
});

test("rekeyState cut at any step leaves the old directory or the new one, whole", async () => {
  const whole = await oldState();
  const before = whole.host.steps;
  await rekeyState(whole.ports, DIR, {});
  const steps = whole.host.steps - before;
  const switched = whole.host.done.slice(before).indexOf("replace state.json");
  ok(switched > 4 && steps > switched + 3);
  for (let cut = 0; cut < steps; cut++) {
    for (const unflushed of ["kept", "lost"] as const) {
      const { ports, host, old } = await oldState();
      host.cutAt = host.steps + cut;
      await rejects(rekeyState(ports, DIR, {}), StateFailure);
      const after = memoryStatePorts(host.after(unflushed), 3);
      await withState(after, DIR, (store, { facts }) => {
        deepEqual(valuesOf(store), old.values, `${cut}`);
        ok(store.stats.sequence >= old.stats.sequence);
        equal(facts.rekeys, cut > switched ? 1 : 0, `${cut}`);
      });
      equal(after.host.look(DIR)?.length, 3, "what the cut left is gone");
      equal((await rekeyState(after, DIR, {})).rekeys, cut > switched ? 2 : 1);
    }
  }
});

test("rekeyState that the host has no room for changes nothing", async () => {
  const { ports, host, old } = await oldState();
  const hold = host.hold.bind(host);
  host.hold = async (path) => {
    const folder = await hold(path);
    folder.createImage = () => {
      throw new FileFailure("no_space", `${path}/state.1.img`);
    };
    return folder;
  };
  await rejects(
    rekeyState(ports, DIR, {}),
    (error) => error instanceof StateFailure && error.code === "no_space",
  );
  deepEqual(host.look(DIR), ["record.key", "state.img", "state.json"]);
  await withState(ports, DIR, (store) => deepEqual(valuesOf(store), old.values));
});

test("rekeyState finds out that the new image is not what was written", async () => {
  const { ports, host, old } = await oldState();
  const hold = host.hold.bind(host);
  host.hold = async (path) => {
    const folder = await hold(path);
    const open = folder.openImage.bind(folder);
    folder.openImage = (name, readOnly) => {
      const disk = open(name, readOnly);
      const write = disk.write.bind(disk);
      // A host that says ok and writes one byte wrong, in the new image alone.
      if (name === "state.1.img") {
        disk.write = (sector, bytes) => {
          const wrong = bytes.slice();
          wrong[100] = (wrong[100] ?? 0) ^ 1;
          return write(sector, wrong);
        };
      }
      return disk;
    };
    return folder;
  };
  await rejects(
    rekeyState(ports, DIR, {}),
    (error) => error instanceof StateFailure && error.code === "image_unreadable",
  );
  deepEqual(host.look(DIR), ["record.key", "state.img", "state.json"]);
  await withState(ports, DIR, (store) => deepEqual(valuesOf(store), old.values));
});

test("rekeyState changes a passphrase, and a key file into one and back", async () => {
  const { ports, host, old } = await oldState();
  const [one, two] = [passphrase("first passphrase"), passphrase("second passphrase")];
  await rekeyState(ports, DIR, { newPassphrase: one });
  deepEqual(host.look(DIR), ["state.1.img", "state.json"]);
  await rejects(rekeyState(ports, DIR, {}), StateFailure);
  await rekeyState(ports, DIR, { passphrase: one, newPassphrase: two });
  await rejects(openState(ports, DIR, { passphrase: one }), StateFailure);
  await withState(ports, DIR, (store) => deepEqual(valuesOf(store), old.values), two);
  await rekeyState(ports, DIR, { passphrase: two });
  deepEqual(host.look(DIR), ["record.3.key", "state.3.img", "state.json"]);
});

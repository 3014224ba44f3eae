/**
 * A store of 10,000 keys: how long a node takes to open it beside one without keys, to use the first
 * key, and to list them all.
 *
 *     deno run -A tests/bench/keys_open_bench.ts
 *
 * @module
 */

import { openDiskFile } from "@hw/host/disk_file.ts";
import type { Isolation } from "@runtime/boot/placement.ts";
import { createClient } from "@runtime/idl/client.ts";
import { keys } from "@services/keystored/client/keys_protocol.ts";
import { startNode } from "../../main.ts";

const APPS = 10;
const KEYS_PER_APP = 1_000;
const SECTORS = 131_072;
const WIDE = 32;
const PRINCIPAL = "host-control";

async function started(path: string, isolation: Isolation) {
  const began = performance.now();
  const disk = openDiskFile({ path, sectorCount: SECTORS, id: "bench" });
  const [record, keystore] = [1, 2].map((byte) => new Uint8Array(32).fill(byte));
  const node = await startNode({
    ...{ listen: undefined, advertise: undefined, peers: [], profile: "dev", isolation },
    ...{ seed: undefined, perAddress: undefined, selftest: false, console() {} },
    state: {
      ...{ disk, persists: true },
      recordKey: () => record?.slice() ?? new Uint8Array(32),
      keystoreKey: () => keystore?.slice() ?? new Uint8Array(32),
    },
  });
  const readyMs = performance.now() - began;
  const client = createClient(keys, node.connect(PRINCIPAL, keys));
  const stop = async () => {
    await node.stop();
    await disk.close();
  };
  return { client, readyMs, stop };
}

type Client = Awaited<ReturnType<typeof started>>["client"];

async function fill(client: Client): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: WIDE }, async () => {
    for (let index = next++; index < APPS * KEYS_PER_APP; index = next++) {
      const { status } = await client.create({
        app: `app-${index % APPS}`,
        purpose: `key-${Math.floor(index / APPS)}`,
        ...{ algorithm: 1, uses: 0, label: "", expiresMs: 0n, usesMax: 0n },
      }, { timeoutMs: 20_000 });
      if (status !== "ok") throw new Error(status);
    }
  }));
}

async function listed(client: Client): Promise<number> {
  let count = 0;
  let after = "";
  for (;;) {
    const page = await client.list({ app: "", after, countMax: 32 }, { timeoutMs: 20_000 });
    if (page.status !== "ok") throw new Error(page.status);
    count += page.keys.length;
    const last = page.keys.at(-1);
    if (page.more === 0 || last === undefined) return count;
    after = `${last.app}/${last.purpose}`;
  }
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [number, T]> {
  const began = performance.now();
  const result = await work();
  return [performance.now() - began, result];
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ prefix: "nx-keys-bench-" });
  const first = await started(`${folder}/keys.img`, "inline");
  const [fillMs] = await timed(() => fill(first.client));
  await first.stop();
  console.log(`10,000 keys made in ${(fillMs / 1000).toFixed(1)} s`);
  for (const isolation of ["inline", "secrets"] as const) {
    const empty = await started(`${folder}/empty-${isolation}.img`, isolation);
    await empty.stop();
    const full = await started(`${folder}/keys.img`, isolation);
    const message = new Uint8Array(32);
    const [signMs, signed] = await timed(() =>
      full.client.sign({ app: "app-7", key: "key-777", message })
    );
    if (signed.status !== "ok") throw new Error(signed.status);
    const [listMs, count] = await timed(() => listed(full.client));
    await full.stop();
    const cells = [
      `ready ${empty.readyMs.toFixed(0)} ms without keys, ${full.readyMs.toFixed(0)} ms with them`,
      `first signature ${signMs.toFixed(1)} ms`,
      `all ${count} listed in ${listMs.toFixed(0)} ms`,
    ];
    console.log(`${isolation.padEnd(8)} ${cells.join(", ")}`);
  }
  await Deno.remove(folder, { recursive: true });
  Deno.exit(0);
}

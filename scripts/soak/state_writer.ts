/**
 * The victim: opens an image as the product does, and works on it until it is killed. Each answer of
 * the store is a line on standard output, written once the store has given it:
 *
 *     NUMBER STATUS SEQUENCE
 *
 *     deno run -A scripts/soak/state_writer.ts IMAGE SEED ROUND
 *
 * It begins when a byte comes in, so that it can be started ahead, and says `begin` then.
 *
 * @module
 */

import { openDiskFile } from "@hw/host/disk_file.ts";
import { Secret } from "@runtime/core/secret.ts";
import { journalOver } from "@services/statefsd/host_journal.ts";
import { CHUNK_LENGTH_MAX } from "@services/statefsd/limits.ts";
import { openStore } from "@services/statefsd/open_store.ts";
import type { Store, WriteOutcome } from "@services/statefsd/store.ts";
import { BLOCK_COUNT, type NumberedOperation, stateSteps } from "./state_workload.ts";

const UTF8 = new TextEncoder();
const ABOUT = { subject: "writer", purpose: "soak", timestamp: 0n };
const OWNER = 1n;

function say(line: string): void {
  const bytes = UTF8.encode(`${line}\n`);
  for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
}

/** Does one thing. @returns How the store answered. */
async function done(store: Store, operation: NumberedOperation): Promise<string> {
  switch (operation.kind) {
    case "put":
      return shown(await store.put(operation.key, UTF8.encode(operation.text), ABOUT));
    case "delete":
      return await store.delete(operation.key);
    case "compact":
      return await store.compact();
    default:
      return await transaction(store, operation);
  }
}

function shown(outcome: WriteOutcome): string {
  return typeof outcome === "string" ? outcome : outcome.status;
}

async function transaction(
  store: Store,
  { kind, keys, text }: Extract<NumberedOperation, { readonly kind: "commit" | "abort" }>,
): Promise<string> {
  const begun = await store.begin(OWNER);
  if (begun.status !== "ok") return begun.status;
  const bytes = UTF8.encode(text);
  for (const key of keys) {
    for (let offset = 0; offset < Math.max(1, bytes.length); offset += CHUNK_LENGTH_MAX) {
      const chunk = bytes.subarray(offset, offset + CHUNK_LENGTH_MAX);
      const status = store.putChunk(begun.transaction, OWNER, { key, chunk });
      if (status !== "ok") return status;
    }
  }
  return kind === "commit"
    ? shown(await store.commit(begun.transaction, OWNER, ABOUT))
    : await store.abort(begun.transaction, OWNER);
}

async function main([path = "", seed, round]: readonly string[]): Promise<number> {
  if (Deno.stdin.readSync(new Uint8Array(1)) !== 1) return 0;
  say("begin");
  const disk = journalOver(openDiskFile({ path, sectorCount: BLOCK_COUNT, id: "soak" }));
  const random = {
    draw: (length: number) => Promise.resolve(crypto.getRandomValues(new Uint8Array(length))),
  };
  const recordKey = new Secret(new Uint8Array(32).fill(9));
  const opened = await openStore({ disk, random, recordKey });
  if (opened.status !== "ok") throw new Error(`the image does not open: ${opened.status}`);
  const { store } = opened;
  for (const step of stateSteps(Number(seed), Number(round))) {
    await Promise.all(step.map(async (operation) => {
      const status = await done(store, operation);
      say(`${operation.number} ${status} ${store.stats.sequence}`);
    }));
  }
  return 0;
}

Deno.exit(await main(Deno.args));

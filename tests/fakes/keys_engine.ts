import { Secret } from "@runtime/core/secret.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import type { Gate } from "@runtime/idl/policy.ts";
import { bind } from "@runtime/idl/server.ts";
import { CONTROL_PRINCIPAL } from "@services/controld/protocol.ts";
import { keys } from "@services/keystored/client/keys_protocol.ts";
import { AuditHash } from "@services/keystored/keys/audit_hash.ts";
import { KeyChanges } from "@services/keystored/keys/key_changes.ts";
import { KeyClock } from "@services/keystored/keys/key_clock.ts";
import { type KeyPlace, type KeyStore, pathOf } from "@services/keystored/keys/key_store.ts";
import { KeyUses } from "@services/keystored/keys/key_uses.ts";
import { Keyring } from "@services/keystored/keys/keyring.ts";
import { createKeys } from "@services/keystored/keys/keys_service.ts";
import { directChannel } from "./direct.ts";

/** keystore v1.1 without a node: the engine over a store of memory, behind its dispatcher. */
export interface KeysEngine {
  readonly channel: RawChannel;
  /** Moves the wall clock, in milliseconds. */
  advanceMs(ms: number): void;
  nowMs(): number;
}

export interface KeysEngineOptions {
  readonly gate?: Gate;
  readonly startMs?: number;
}

/** INSECURE: its random bytes count up. */
export async function keysEngine(
  { gate, startMs = 1_700_000_000_000 }: KeysEngineOptions = {},
): Promise<KeysEngine> {
  let nowMs = startMs;
  const kek = new Secret(new Uint8Array(32).fill(7));
  const ring = new Keyring({
    store: memoryStore(),
    draw: countingBytes(),
    time: new KeyClock({ unixMs: () => nowMs }),
    kek,
    takesTestKeys: true,
    refused() {},
    seeded: true,
  });
  await ring.open();
  const ports = { ring, uses: new KeyUses(ring), changes: new KeyChanges(ring) };
  const bound = [bind(keys, createKeys({ ...ports, hash: new AuditHash(kek) }))];
  return {
    channel: directChannel(bound, { sender: CONTROL_PRINCIPAL, gate }),
    advanceMs: (ms) => void (nowMs += ms),
    nowMs: () => nowMs,
  };
}

function countingBytes(): (length: number) => Promise<Uint8Array> {
  let count = 0;
  return (length) => Promise.resolve(Uint8Array.from({ length }, () => ++count * 31 & 0xff));
}

function memoryStore(): KeyStore {
  const records = new Map<string, Uint8Array>();
  const places = new Map<string, KeyPlace>();
  const marked = new Map<string, KeyPlace>();
  return {
    list: () => Promise.resolve({ places: [...places.values()], marked: [...marked.values()] }),
    get(place) {
      const record = records.get(pathOf(place));
      return Promise.resolve(
        record === undefined ? { status: "not_found" } : { status: "ok", record: record.slice() },
      );
    },
    put(place, record) {
      records.set(pathOf(place), record.slice());
      places.set(pathOf(place), place);
      return Promise.resolve({ status: "ok" });
    },
    mark(place) {
      marked.set(pathOf(place), place);
      return Promise.resolve({ status: "ok" });
    },
    unmark(place) {
      marked.delete(pathOf(place));
      return Promise.resolve();
    },
  };
}

import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { ABOUT, bytesOf, formattedImage, recordKey, storeOn } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import {
  CHUNK_LENGTH_MAX,
  INDEX_BYTES_MAX,
  KEYS_MAX,
  STORED_LENGTH_MAX,
  TRANSACTION_BYTES_MAX,
  TRANSACTION_KEYS_MAX,
} from "./limits.ts";
import { putLength, type StateRecord } from "./record.ts";
import { SEQUENCE_PATH } from "./path.ts";
import { replay } from "./replay.ts";
import { encodeSequenceMark } from "./sequence_mark.ts";
import { Vault } from "./vault.ts";

const A = "/state/app/a";

function payload(transaction: bigint, key: string, length = 1): StateRecord {
  return { op: "payload", transaction, key, chunk: new Uint8Array(length) };
}

function prepare(transaction: bigint): StateRecord {
  return { op: "prepare", transaction };
}

function commit(transaction: bigint): StateRecord {
  return { op: "commit", transaction };
}

test("replay joins the chunks of a key and applies them with their COMMIT alone", () => {
  const begun = [prepare(1n), payload(1n, A, 3), payload(1n, A, 4)];
  equal(replay(begun).values.get(A), undefined);
  equal(replay([...begun, { op: "abort", transaction: 1n }, commit(1n)]).values.size, 0);
  equal(replay([...begun, commit(1n)]).values.get(A)?.stored.length, 7);
});

test("unknown_txn_commit_ignored: replay counts what belongs to no open transaction", () => {
  const state = replay([payload(5n, A), commit(5n)]);
  deepEqual([state.values.size, state.counts.ignored], [0, 2]);
});

test("replay does not begin a transaction whose id was seen", () => {
  const state = replay([prepare(3n), commit(3n), prepare(3n), payload(3n, A), commit(3n)]);
  deepEqual([state.values.size, state.transaction], [0, 3n]);
  equal(replay([prepare(3n), prepare(2n), payload(2n, A), commit(2n)]).values.size, 0);
});

test("txn_buffer_cap_replay_poisons: a cap that is exceeded poisons its transaction alone", () => {
  const keys = Array.from({ length: TRANSACTION_KEYS_MAX + 1 }, (_, index) => `${A}${index}`);
  const many = keys.map((key) => payload(1n, key));
  const other = [prepare(2n), payload(2n, A), commit(2n)];
  deepEqual([
    ...replay([prepare(1n), ...many, commit(1n), ...other]).values.pathsAfter("/state/", ""),
  ], [
    A,
  ]);
  equal(replay([prepare(1n), ...many.slice(1), commit(1n)]).values.size, TRANSACTION_KEYS_MAX);
  const count = TRANSACTION_BYTES_MAX / CHUNK_LENGTH_MAX;
  const large = keys.slice(0, count).map((key) => payload(1n, key, CHUNK_LENGTH_MAX));
  equal(replay([prepare(1n), ...large, commit(1n)]).values.size, count);
  equal(replay([prepare(1n), ...large, payload(1n, A), commit(1n)]).values.size, 0);
});

test("replay takes no more names, and no more bytes, than memory may hold", () => {
  const put = (index: number, length: number): StateRecord => {
    return { op: "put", key: `${A}${index}`, value: new Uint8Array(length) };
  };
  const names = Array.from({ length: KEYS_MAX }, (_, index) => put(index, 0));
  ok(replay(names).complete);
  ok(replay([...names, put(0, 0)]).complete, "a name that is there");
  equal(replay([...names, put(KEYS_MAX, 0)]).complete, false);
  ok(replay([...names, { op: "delete", key: `${A}0` }, put(KEYS_MAX, 0)]).complete);
  const length = STORED_LENGTH_MAX - putLength(`${A}100`, 0);
  const values = Array.from(
    { length: INDEX_BYTES_MAX / STORED_LENGTH_MAX },
    (_, index) => put(100 + index, length),
  );
  ok(replay(values).complete, "to the byte");
  ok(
    replay([...values, put(100, length - 1), put(100, length)]).complete,
    "in the place of others",
  );
  const full = replay([...values, put(100, length + 1)]);
  equal(full.complete, false);
  equal(full.values.liveBytes, INDEX_BYTES_MAX);
  equal(replay([...values, put(999, 0)]).complete, false);
});

test("replay remembers the sequence of a deleted value in the clear, and counts it as a name", () => {
  const vault = new Vault(recordKey(), new Uint8Array(16));
  const envelope = { ...ABOUT, sequence: 1n, payload: new Uint8Array(0) };
  const put = (key: string, payload: Uint8Array = envelope.payload, sequence = 1n): StateRecord => {
    const value = vault.store(key, { ...envelope, payload, sequence }, new Uint8Array(24));
    return { op: "put", key, value };
  };
  const boots = Array.from({ length: KEYS_MAX - 1 }, (_, index) => put(`/state/boot/${index}`));
  const [key, other] = ["/state/boot/0", "/state/boot/other"];
  const said = encodeSequenceMark({ sequence: 2n, transaction: 0n, deleted: key });
  const deleted = [...boots, put(SEQUENCE_PATH, said, 2n), { op: "delete", key } as const];
  equal(replay(deleted, vault).values.size, KEYS_MAX - 1);
  ok(replay(deleted, vault).complete);
  equal(replay([...deleted, put(key)], vault).values.get(key)?.fault, "rollback");
  equal(replay([...deleted, put(other)], vault).complete, false);
});

test("a tail block that the host has no room for ends all writing", async () => {
  const { store } = await storeOn(await formattedImage(65), { fullFrom: 1 });
  equal(await store.put(A, bytesOf("v"), ABOUT), "io_error");
  ok(store.stats.failed);
});

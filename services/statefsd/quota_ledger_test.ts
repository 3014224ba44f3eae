import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import {
  NO_QUOTAS,
  type OpenPayload,
  QuotaLedger,
  type QuotaPorts,
  WARNING_WINDOW_NS,
} from "./quota.ts";
import { encodeQuotaLimits } from "./quota_limits.ts";
import type { StoredValue, ValueFault } from "./value_index.ts";

const LIMITS = encodeQuotaLimits({ soft: 1, hard: 2 });
const KEY = "/state/statefsd/quota/subject:s";
const asStored: OpenPayload = (_key, { stored }) => stored;

function valueOf(stored: Uint8Array, fault?: ValueFault): StoredValue {
  return { stored, sequence: 1n, subject: "s", fault };
}

function ledger(ports: Partial<QuotaPorts>, open = asStored): QuotaLedger {
  return new QuotaLedger({ ...NO_QUOTAS, ...ports }, open, []);
}

test("QuotaLedger takes no limits from a value that does not open, or came back", () => {
  for (const fault of ["integrity", "rollback"] as const) {
    const faulty = new QuotaLedger(NO_QUOTAS, asStored, [[KEY, valueOf(LIMITS, fault)]]);
    deepEqual([faulty.usage("subject:s").hard, faulty.malformed], [Infinity, 1]);
  }
  const shut = new QuotaLedger(NO_QUOTAS, () => undefined, [[KEY, valueOf(LIMITS)]]);
  deepEqual([shut.usage("subject:s").hard, shut.malformed], [Infinity, 1]);
});

test("QuotaLedger forgets an owner that takes nothing", () => {
  const quotas = ledger({});
  const value = valueOf(new Uint8Array(5));
  quotas.change("/state/app/x/a", undefined, value);
  deepEqual(quotas.list().map(({ owner, used }) => [owner, used]), [
    ["app:x", 34],
    ["subject:s", 34],
  ]);
  quotas.change("/state/app/x/a", value, undefined);
  deepEqual(quotas.list(), []);
});

test("QuotaLedger refuses no write after which its owner takes no more than before", () => {
  const quotas = ledger({ subjects: { soft: 0, hard: 0 } });
  quotas.change("/state/v/a", undefined, valueOf(new Uint8Array(1)));
  const growth = (total: number, refusable: number) =>
    quotas.excess(new Map([["subject:s", { total, refusable }]]), new Map())?.status;
  equal(growth(0, 5), undefined);
  equal(growth(-5, 5), undefined);
  equal(growth(5, 0), undefined);
  equal(growth(5, 5), "quota_exceeded");
});

test("QuotaLedger remembers 4096 owners that were warned of, the last ones", () => {
  const warned: string[] = [];
  let nowNs = 0;
  const quotas = ledger({
    apps: { soft: 0, hard: 100 },
    clock: { nowNs: () => nowNs },
    warned: ({ owner }) => void warned.push(owner),
  });
  const grow = (owner: number) => {
    quotas.change(`/state/app/${owner}/a`, undefined, valueOf(new Uint8Array(1)));
    quotas.grew(new Map([[`app:${owner}`, { total: 1, refusable: 1 }]]));
  };
  for (let owner = 0; owner < 4096; owner++) grow(owner);
  nowNs = WARNING_WINDOW_NS;
  for (const owner of [0, 4096]) grow(owner);
  equal(warned.length, 4098);
  nowNs = WARNING_WINDOW_NS - 1;
  for (const owner of [0, 4096, 2, 1]) grow(owner);
  deepEqual(warned.slice(4098), ["app:1"]);
});

import type { Principal } from "@runtime/core/syscalls.ts";
import { clipped } from "@runtime/core/clip.ts";
import { utf8Length } from "@runtime/core/utf8.ts";
import { type Gate, TARGET_LENGTH_MAX } from "@runtime/idl/policy.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import { capabilitiesBelow, capabilityOf, ownsAlone, prefixFault } from "./access.ts";
import type { Provenance } from "./envelope.ts";
import { LIST_NAMES_MAX } from "./limits.ts";
import { type KeptLog, logHandlers } from "./kept_log.ts";
import type { LiveStore } from "./live_store.ts";
import type { OpenFault } from "./open_store.ts";
import { pathFault } from "./path.ts";
import {
  LIST_AFTER_NAMES_MAX,
  LIST_LENGTH_MAX,
  PART_LENGTH_MAX,
  type statefsd,
} from "./protocol.ts";
import type { QuotaExcess } from "./quota.ts";
import { quotaHandlers } from "./quota_handlers.ts";
import type { SelfCheck } from "./self_check.ts";
import type { Page, WriteOutcome } from "./store.ts";
import { answered, refused } from "./told_status.ts";

/** Operation in the audit record of a list. */
const LIST_OPERATION = "statefsd.list";
const NS_PER_MS = 1_000_000n;
/** Bytes of a LIST reply that are no names: header, status, nonce, count. */
const LIST_HEAD_LENGTH = 15;
/** Bytes of names, each with its length, in one reply of LIST_AFTER. */
const PAGE_LENGTH_MAX = 8_000;

/** The store that the protocol stands on. Every `ok` of a write means that it is on the disk. */
export type StatePort = Pick<
  LiveStore,
  | "get"
  | "list"
  | "put"
  | "delete"
  | "sync"
  | "reopen"
  | "begin"
  | "putChunk"
  | "commit"
  | "abort"
  | "compact"
  | "stats"
  | "usage"
  | "usages"
>;

/** What the handlers need. */
export interface StatefsdPorts {
  readonly store: StatePort;
  readonly gate: Gate;
  /** Milliseconds since the Unix epoch. */
  readonly unixMs: () => number;
  /** Whether values outlive the node. */
  readonly persists: boolean;
  /** A generation was begun because somebody asked. */
  readonly compacted: (evidence: { readonly count: number; readonly entries: number }) => void;
  /** The log that is kept; absent where nothing outlives the node. */
  readonly log: KeptLog | undefined;
  /** A write was refused because its owner takes too much. */
  readonly exceeded: (excess: QuotaExcess) => void;
  /** Tries the store's guards; `undefined` when one let something through. */
  readonly check: () => Promise<SelfCheck | undefined>;
}

/** Serves values by name. Whether a caller may is decided before a handler runs, but for lists. */
export function createStatefsd(ports: StatefsdPorts): Handlers<typeof statefsd> {
  const writes = new Writes(ports);
  return {
    ...readHandlers(ports),
    ...writeHandlers(ports, writes),
    ...transactionHandlers(ports, writes),
    ...careHandlers(ports),
    ...quotaHandlers(ports, (sender) => writes.about(sender)),
    ...logHandlers(ports.log),
  };
}

/** What writes have in common: who is behind them, and how their ends are told. */
class Writes {
  readonly #ports: Pick<StatefsdPorts, "unixMs" | "exceeded">;

  constructor(ports: Pick<StatefsdPorts, "unixMs" | "exceeded">) {
    this.#ports = ports;
  }

  about({ name }: Principal): Provenance {
    const timestamp = BigInt(Math.max(0, Math.floor(this.#ports.unixMs()))) * NS_PER_MS;
    return { subject: name, purpose: "", timestamp };
  }

  answered(outcome: WriteOutcome) {
    if (typeof outcome === "string") return answered(outcome);
    this.#ports.exceeded(outcome);
    const { status, used, limit } = outcome;
    return { status, used: BigInt(used), limit: BigInt(limit) };
  }
}

type Served<K extends keyof Handlers<typeof statefsd>> = Pick<Handlers<typeof statefsd>, K>;

function readHandlers(
  { store, gate }: StatefsdPorts,
): Served<"get" | "getAt" | "list" | "listAfter"> {
  const lister = new Lister(store, gate);
  return {
    get({ key }) {
      const found = valueOf(store, key);
      if (found.status !== "ok") return found;
      if (found.payload.length > PART_LENGTH_MAX) return { status: "value_too_large" };
      return { status: "ok", value: found.payload };
    },
    getAt({ key, offset }) {
      const found = valueOf(store, key);
      if (found.status !== "ok") return found;
      const { payload } = found;
      if (offset > payload.length) return { status: "malformed" };
      const part = payload.subarray(offset, offset + PART_LENGTH_MAX);
      return { status: "ok", length: payload.length, part };
    },
    async list({ prefix, countMax }, { sender }) {
      const page = { prefix, after: "", countMax: Math.min(countMax, LIST_NAMES_MAX) };
      return await lister.list(sender, page, LIST_LENGTH_MAX - LIST_HEAD_LENGTH);
    },
    listAfter: ({ prefix, after, countMax }, { sender }) => {
      const page = { prefix, after, countMax: Math.min(countMax, LIST_AFTER_NAMES_MAX) };
      return lister.list(sender, page, PAGE_LENGTH_MAX);
    },
  };
}

function writeHandlers(
  { store }: StatefsdPorts,
  writes: Writes,
): Served<"put" | "del" | "sync"> {
  return {
    async put({ key, value }, { sender }) {
      if (ownsAlone(key, "write")) return { status: "denied" };
      return writes.answered(await store.put(key, value, writes.about(sender)));
    },
    async del({ key }) {
      return ownsAlone(key, "write") ? { status: "denied" } : answered(await store.delete(key));
    },
    sync: async () => answered(await store.sync()),
  };
}

function transactionHandlers(
  { store }: StatefsdPorts,
  writes: Writes,
): Served<"txnBegin" | "txnPut" | "txnCommit" | "txnAbort"> {
  return {
    async txnBegin(_request, { sender }) {
      const begun = await store.begin(sender.sid);
      if (begun.status !== "ok") return refused(begun.status);
      return { status: "ok", txn: begun.transaction };
    },
    txnPut({ txn, key, chunk }, { sender }) {
      if (ownsAlone(key, "write")) return { status: "denied" };
      return answered(store.putChunk(txn, sender.sid, { key, chunk }));
    },
    txnCommit: async ({ txn }, { sender }) => {
      return writes.answered(await store.commit(txn, sender.sid, writes.about(sender)));
    },
    txnAbort: async ({ txn }, { sender }) => answered(await store.abort(txn, sender.sid)),
  };
}

/** What an administrator asks for, and what anybody may know. */
function careHandlers(
  { store, persists, compacted, check }: StatefsdPorts,
): Served<"reopen" | "compact" | "selfCheck" | "stats"> {
  return {
    reopen: async () => ({ status: REOPENED[await store.reopen()] }),
    async compact() {
      const status = await store.compact();
      if (status !== "ok") return refused(status);
      const { generation, keys } = store.stats;
      compacted({ count: generation, entries: keys });
      return { status, generation, entries: keys };
    },
    async selfCheck() {
      const checked = await check();
      return checked === undefined ? { status: "integrity" } : { status: "ok", ...checked };
    },
    stats: () => statsOf(store, persists),
  };
}

const REOPENED = {
  ok: "ok",
  damaged: "integrity",
  foreign: "integrity",
  io_error: "io_error",
  no_space: "no_space",
  rollback: "rollback",
  unavailable: "io_error",
  unsupported: "unsupported",
} as const satisfies Readonly<Record<"ok" | OpenFault, string>>;

function valueOf(store: StatePort, key: string) {
  const fault = pathFault(key);
  return fault === undefined ? store.get(key) : { status: fault };
}

function statsOf({ stats }: StatePort, persists: boolean) {
  const { keys, generation, sequence } = stats;
  return {
    status: "ok",
    persists: Number(persists),
    failed: Number(stats.failed),
    ...{ keys, generation, sequence },
    liveBytes: BigInt(stats.liveBytes),
    logBytes: BigInt(stats.logBytes),
    capacity: BigInt(stats.capacity),
  } as const;
}

/** Lists what the caller may read, and tells nothing of the rest. */
class Lister {
  readonly #store: Pick<StatePort, "list">;
  readonly #gate: Gate;

  constructor(store: Pick<StatePort, "list">, gate: Gate) {
    this.#store = store;
    this.#gate = gate;
  }

  async list({ name: subject }: Principal, page: Page, lengthMax: number): Promise<Listed> {
    const { prefix, after } = page;
    const fault = prefixFault(prefix) ?? (after === "" ? undefined : pathFault(after));
    if (fault !== undefined) return { status: fault };
    const held = await this.#held(subject, prefix);
    if (held.size === 0) return { status: "denied" };
    const names = this.#store.list(page, (path) => held.has(capabilityOf(path, "read")));
    return { status: "ok", names: fitting(names, lengthMax) };
  }

  /** Capabilities below a prefix that a caller holds. */
  async #held(subject: string, prefix: string): Promise<ReadonlySet<string>> {
    const held = new Set<string>();
    const target = clipped(prefix, TARGET_LENGTH_MAX);
    for (const capability of capabilitiesBelow(prefix)) {
      const ask = { subject, capability, operation: LIST_OPERATION, target };
      if (await this.#gate(ask)) held.add(capability);
    }
    return held;
  }
}

type Listed =
  | { readonly status: "ok"; readonly names: readonly { readonly name: string }[] }
  | { readonly status: "key_too_long" | "invalid_key" | "denied" };

/** As many names as fit, each with its length of two bytes. */
function fitting(names: readonly string[], lengthMax: number): { readonly name: string }[] {
  const fit: { readonly name: string }[] = [];
  let room = lengthMax;
  for (const name of names) {
    room -= 2 + utf8Length(name);
    if (room < 0) break;
    fit.push({ name });
  }
  return fit;
}

import type { ChainFault } from "@services/statefsd/client/chain_fault.ts";
import type { LogEntry } from "@services/statefsd/client/log_entry.ts";
import { readSegment } from "@services/statefsd/client/log_segment.ts";
import { verifyChain } from "@services/statefsd/client/verify_chain.ts";
import { LogDrain, type LogDrainPorts } from "@services/statefsd/log_drain.ts";
import type { LogValues } from "@services/statefsd/log_values.ts";
import { manualClock } from "./clock.ts";
import { chainIn } from "./log_values.ts";

/** Rings, and the boots of a test. */
export const JOURNAL = 0;
export const AUDIT = 1;
export const BOOT: Uint8Array = new Uint8Array(16).fill(1);
export const NEXT_BOOT: Uint8Array = new Uint8Array(16).fill(2);

/** The rings of a logd that a test fills. */
export interface FakeLogd {
  readonly log: LogDrainPorts["log"];
  /** Appends so many records. */
  say(ring: number, count: number, message?: string): void;
  /** Lets a record go. */
  lose(ring: number, id: bigint): void;
  readonly asked: { readonly ring: number; readonly afterId: bigint }[];
  /** Whether it answers no more. */
  hush(silent: boolean): void;
}

/** @param pageMax Records of one page. */
export function fakeLogd(pageMax = 10): FakeLogd {
  const rings = [new Map<bigint, string>(), new Map<bigint, string>()];
  const totals = [0n, 0n];
  const asked: { readonly ring: number; readonly afterId: bigint }[] = [];
  let silent = false;
  const log: LogDrainPorts["log"] = {
    queryAfter({ ring, afterId }) {
      asked.push({ ring, afterId });
      if (silent) return Promise.resolve({ status: "gone" });
      const records = [...rings[ring] ?? []].filter(([id]) => id > afterId).slice(0, pageMax)
        .map(([recordId, message]) => ({
          recordId,
          timestampNs: recordId * 1_000_000n,
          level: 2,
          sid: 7n,
          sender: "rngd",
          scope: "rngd",
          message,
          fields: "",
        }));
      const lastId = records.at(-1)?.recordId ?? afterId;
      const total = totals[ring] ?? 0n;
      return Promise.resolve({
        status: "ok",
        total,
        dropped: 0n,
        lastId,
        nowNs: 60_000_000_000n,
        records,
      });
    },
  };
  const say = (ring: number, count: number, message = "hello") => {
    for (let left = count; left > 0; left--) {
      const id = (totals[ring] ?? 0n) + 1n;
      totals[ring] = id;
      rings[ring]?.set(id, message);
    }
  };
  const lose = (ring: number, id: bigint) => void rings[ring]?.delete(id);
  return { log, say, lose, asked, hush: (yes: boolean) => void (silent = yes) };
}

/** A drain over values and a logd, and what it told at its start. */
export function drainOver(
  values: LogValues,
  log: LogDrainPorts["log"],
  options: {
    readonly bootId?: Uint8Array;
    readonly deviceId?: string;
    readonly segmentsMax?: number;
  } = {},
): {
  readonly drain: LogDrain;
  readonly told: readonly (ChainFault & { readonly ring: number })[];
} {
  const told: (ChainFault & { readonly ring: number })[] = [];
  const clock = manualClock(1_700_000_000_000);
  clock.advanceMs(60_000);
  const tell = (ring: number, fault: ChainFault) => void told.push({ ring, ...fault });
  const drain = new LogDrain({ values, log, clock, bootId: BOOT, tell, ...options });
  return { drain, told };
}

/** Every entry of a ring's chain. */
export function entriesIn(values: LogValues, ring: number): readonly LogEntry[] {
  return chainIn(values, ring).segments.flatMap(({ value }) =>
    readSegment(value ?? new Uint8Array(0)).entries.map(({ entry }) => entry)
  );
}

/** Ids of the records of a chain, `gap` and the other entries by their names. */
export function toldBy(values: LogValues, ring: number): readonly (bigint | string)[] {
  return entriesIn(values, ring).map((entry) =>
    entry.kind === "record" ? entry.recordId : entry.kind
  );
}

/** Ids from one to another. */
export function numbers(from: number, to: number): readonly bigint[] {
  return Array.from({ length: to - from + 1 }, (_, at) => BigInt(from + at));
}

/** What is wrong with a ring's chain, signed or not. */
export function faultsIn(values: LogValues, ring: number): readonly ChainFault[] {
  return verifyChain(chainIn(values, ring)).faults
    .filter(({ kind }) => kind !== "checkpoint_absent");
}

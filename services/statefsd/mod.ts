import { Expiry } from "@hw/driver/expiry.ts";
import { openVirtioBlk } from "@hw/driver/virtio_blk.ts";
import { defineComponent, type DevicePorts, type Prove } from "@runtime/boot/component.ts";
import { assert } from "@runtime/core/assert.ts";
import { Refusal } from "@runtime/core/error.ts";
import type { Clock } from "@runtime/core/ports.ts";
import { logdQuery } from "../logd/protocol.ts";
import { EntropyPool } from "../rngd/client/entropy_pool.ts";
import { rngd } from "../rngd/protocol.ts";
import { blockDisk, DISK_TIMEOUT_MS } from "./block_disk.ts";
import { stateArguments } from "./boot_arguments.ts";
import { defaultLimits } from "./default_limits.ts";
import type { JournalDisk } from "./journal_disk.ts";
import { LiveStore } from "./live_store.ts";
import { LogDrain } from "./log_drain.ts";
import { drainFor } from "./log_loop.ts";
import { logValuesOf } from "./log_values.ts";
import { openStore } from "./open_store.ts";
import { statefsd, statefsdV1 } from "./protocol.ts";
import type { QuotaExcess, QuotaPorts } from "./quota.ts";
import { OncePerOwner, shownOwner } from "./quota_lines.ts";
import { selfCheck } from "./self_check.ts";
import { createStatefsd } from "./service.ts";

/** Requests that run at a time: as many writes share a flush. */
const CONCURRENCY = 256;
/** Requests that may wait at the endpoint. */
const DEPTH = 64;

const SERVES = { v1: statefsdV1, v2: statefsd } as const;
type ProveOwn = Prove<typeof SERVES>;

export default defineComponent({
  name: "statefsd",
  serves: SERVES,
  calls: { entropy: rngd, log: logdQuery },
  uses: { disk: "virtio-blk" },
  keyCapability: "state.key",
  asks: ["policy.delegate", "device.mmio.blk", "state.key", "rng.entropy"],
  concurrency: CONCURRENCY,
  depth: DEPTH,
  async create({ args, call, clock, departed, device, gate, key, prove, spawn, syscalls }) {
    assert(key !== undefined, "the boot hands over the record key");
    const { persists, bootId, deviceId, ...expected } = stateArguments(args);
    const expiry = new Expiry(clock, syscalls.timerCreate());
    spawn(() => expiry.run());
    const disk = await bringUp(device.disk, expiry, prove);
    const { segmentsMax, ...limits } = defaultLimits(disk.blockCount);
    const quotas: QuotaPorts = { ...limits, clock, ...warningOver(prove) };
    const ports = { disk, random: new EntropyPool(call.entropy), recordKey: key, quotas };
    const opened = await openStore({ ...ports, ...expected });
    if (opened.status !== "ok") throw new Refusal(`state_${opened.status}`);
    const store: LiveStore = new LiveStore({
      ...ports,
      failed: () => prove("failed", { sequence: Number(store.stats.sequence) }),
    }, opened);
    departed(({ sid }) => void store.release(sid));
    const sequence = Number(store.stats.sequence);
    if (persists) {
      prove("mounted", { records: opened.report.records });
      prove("encrypted", { sequence });
      prove("hardened", { sequence });
    } else prove("stub", { count: disk.blockCount });
    const values = logValuesOf(store, clock);
    const tell = () => prove("logBroken", { sequence });
    const drain = persists
      ? new LogDrain({ values, log: call.log, clock, bootId, deviceId, segmentsMax, tell })
      : undefined;
    if (drain !== undefined) spawn(() => drainFor(drain, { clock, timer: syscalls.timerCreate() }));
    const handlers = createStatefsd({
      ...{ store, gate, persists },
      unixMs: () => clock.unixMs(),
      log: drain && { drain, values },
      compacted: (evidence) => prove("compacted", evidence),
      exceeded: denialOver(prove, clock),
      check: () => selfCheck(new EntropyPool(call.entropy)),
    });
    return { v1: handlers, v2: handlers };
  },
});

/** Takes the disk into use. @throws {Refusal} when it does not tell its name. */
async function bringUp(
  device: DevicePorts,
  expiry: Expiry,
  prove: ProveOwn,
): Promise<JournalDisk> {
  const block = openVirtioBlk(device);
  const id = await expiry.within(DISK_TIMEOUT_MS, (expired) => block.id(expired));
  if (id.status !== "ok") throw new Refusal(`disk_${id.status}`);
  prove("disk", { count: block.sectorCount, id: id.value });
  return blockDisk(block, (limitMs, work) => expiry.within(limitMs, work));
}

/** Says of an owner that it takes much. The ledger tells of it once in a window. */
function warningOver(prove: ProveOwn): Pick<QuotaPorts, "warned"> {
  return {
    warned: ({ owner, used, soft }) =>
      prove("quotaWarned", { name: shownOwner(owner), used: `${used}`, limit: `${soft}` }),
  };
}

/** Says of an owner that it takes too much. */
function denialOver(prove: ProveOwn, clock: Clock): (excess: QuotaExcess) => void {
  const denials = new OncePerOwner();
  return ({ owner, used, limit }) => {
    if (!denials.take(owner, clock.nowNs())) return;
    prove("quotaDenied", { name: shownOwner(owner), used: `${used}`, limit: `${limit}` });
  };
}

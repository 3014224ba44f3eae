import { equalBytes } from "@runtime/core/bytes.ts";
import { Writer } from "@runtime/core/writer.ts";
import type { Probe, ProbePorts, Probes, Shown } from "./probe.ts";

const FOLDER = "/state/selftest";
/** What the first boot leaves for those that follow: whose state this is. */
const COLD_BOOT_KEY = `${FOLDER}/cold_boot`;
const VALUE_LENGTH = 256;
/** This task as the store charges it. */
const OWNER = "subject:selftest-client";
const QUOTA_KEY = `/state/statefsd/quota/${OWNER}`;
/** Bytes that this task may take more: for its limits, and for none of its values. */
const QUOTA_ROOM = 200n;

/** Bytes that were never kept before: what comes back is not from an earlier run. */
async function fresh({ rng }: ProbePorts): Promise<Uint8Array | undefined> {
  const drawn = await rng.getEntropy({ length: VALUE_LENGTH });
  return drawn.status === "ok" ? drawn.entropy.slice() : undefined;
}

/** Whether a name has this value. */
async function holds({ state }: ProbePorts, key: string, value: Uint8Array): Promise<boolean> {
  const found = await state.get({ key });
  return found.status === "ok" && equalBytes(found.value, value);
}

/** Keeps a fresh value, does something, and finds it. */
async function kept(
  ports: ProbePorts,
  key: string,
  between: () => Promise<boolean> = () => Promise.resolve(true),
): Promise<Shown> {
  const value = await fresh(ports);
  if (value === undefined) return undefined;
  const put = await ports.state.put({ key, value });
  const found = put.status === "ok" && await between() && await holds(ports, key, value);
  return found ? { bytes: value.length } : undefined;
}

const put: Probe = (ports) => kept(ports, `${FOLDER}/put`);

const denied: Probe = async ({ state }) => {
  const { status } = await state.get({ key: "/state/keystore/deny" });
  return status === "denied" ? { status } : undefined;
};

const persist: Probe = (ports) =>
  kept(ports, `${FOLDER}/persist`, async () => (await ports.state.reopen({})).status === "ok");

/** An envelope's sequence is the store's own, and rises with each write. */
const authPut: Probe = async (ports) => {
  const before = await ports.state.stats({});
  const shown = await kept(ports, `${FOLDER}/secure/value`);
  const after = await ports.state.stats({});
  if (before.status !== "ok" || after.status !== "ok" || shown === undefined) return undefined;
  const rise = Number(after.sequence - before.sequence);
  return rise > 0 ? { rise } : undefined;
};

/** Limits as their value holds them. Source: `docs/state_format.md`, "Quotas". */
function limitsOf(hard: bigint): Uint8Array {
  return new Writer(24).u32(0x5451584e).u8(1).u8(0).u16(0).u64(hard).u64(hard).finish();
}

/** Above its own hard limit this task keeps nothing more, and learns what it takes. */
const quotaDeny: Probe = async ({ state }) => {
  const usage = await state.usage({ owner: OWNER });
  if (usage.status !== "ok") return undefined;
  const limited = await state.put({ key: QUOTA_KEY, value: limitsOf(usage.used + QUOTA_ROOM) });
  if (limited.status !== "ok") return undefined;
  const key = `${FOLDER}/quota`;
  const denied = await state.put({ key, value: new Uint8Array(VALUE_LENGTH) });
  const missing = await state.get({ key });
  const freed = await state.del({ key: QUOTA_KEY });
  const held = denied.status === "quota_exceeded" && denied.limit >= denied.used &&
    missing.status === "not_found" && freed.status === "ok";
  return held ? { used: Number(denied.used), limit: Number(denied.limit) } : undefined;
};

type Checked = "tampered" | "rolledBack" | "sealed";

/** What statefsd's attacks on an image of its own came to. */
function checked(field: Checked): Probe {
  return async ({ state }) => {
    const reply = await state.selfCheck({});
    return reply.status === "ok" && reply[field] > 0 ? { attempts: reply[field] } : undefined;
  };
}

/** Of a transaction that a replay cut off there is nothing; of one that was kept there is all. */
const crashAtomic: Probe = async (ports) => {
  const cut = await transaction(ports, "cut", "reopen");
  const whole = await transaction(ports, "whole", "commit");
  return cut === 0 && whole === 2 ? { values: whole } : undefined;
};

/** @returns How many of its two values are there afterwards; `undefined` when it could not be run. */
async function transaction(
  ports: ProbePorts,
  name: string,
  end: "reopen" | "commit",
): Promise<number | undefined> {
  const { state } = ports;
  const value = await fresh(ports);
  const begun = await state.txnBegin({});
  if (value === undefined || begun.status !== "ok") return undefined;
  const keys = ["a", "b"].map((part) => `${FOLDER}/txn/${name}.${part}`);
  for (const key of keys) {
    if ((await state.txnPut({ txn: begun.txn, key, chunk: value })).status !== "ok") {
      return undefined;
    }
  }
  const { status } = end === "commit"
    ? await state.txnCommit({ txn: begun.txn })
    : await state.reopen({});
  if (status !== "ok") return undefined;
  const there = await Promise.all(keys.map((key) => holds(ports, key, value)));
  return there.filter((each) => each).length;
}

const compact: Probe = async (ports) => {
  let generation = 0;
  const shown = await kept(ports, `${FOLDER}/compact`, async () => {
    const before = await ports.state.stats({});
    const compacted = await ports.state.compact({});
    if (before.status !== "ok" || compacted.status !== "ok") return false;
    ({ generation } = compacted);
    return generation > before.generation;
  });
  return shown && { bytes: VALUE_LENGTH, generation };
};

/** What an earlier boot left: `absent` on the first, and where nothing is kept at all. */
async function coldBoot(
  { state, keys }: ProbePorts,
): Promise<{ readonly left: Uint8Array | "absent"; readonly key: Uint8Array } | undefined> {
  const [stats, found, own] = [
    await state.stats({}),
    await state.get({ key: COLD_BOOT_KEY }),
    await keys.getDevicePubkey({}),
  ];
  if (stats.status !== "ok" || own.status !== "ok") return undefined;
  const { key } = own;
  if (found.status === "not_found") return { left: "absent", key };
  return found.status === "ok" ? { left: found.value, key } : undefined;
}

const coldPersist: Probe = async (ports) => {
  const boot = await coldBoot(ports);
  if (boot === undefined || boot.left === "absent") return boot && "absent";
  return { bytes: boot.left.length };
};

/** The device key is the one of the boot that left its public half. */
const keyPersist: Probe = async (ports) => {
  const boot = await coldBoot(ports);
  if (boot === undefined || boot.left === "absent") return boot && "absent";
  return equalBytes(boot.left, boot.key) ? { key: boot.key } : undefined;
};

/** Leaves this device's public key for the boots that follow, where anything is kept. */
const coldSeeded: Probe = async (ports) => {
  const stats = await ports.state.stats({});
  const boot = await coldBoot(ports);
  if (stats.status !== "ok" || boot === undefined) return undefined;
  if (boot.left !== "absent" || stats.persists === 0) return "absent";
  const { status } = await ports.state.put({ key: COLD_BOOT_KEY, value: boot.key });
  return status === "ok" ? { key: boot.key } : undefined;
};

/** What the boot before the judged one runs. */
export const SEED_PROBES: Probes = { coldSeeded };

export const STATE_PROBES: Probes = {
  statePut: put,
  stateDenied: denied,
  statePersist: persist,
  stateAuthPut: authPut,
  stateTamper: checked("tampered"),
  stateRollback: checked("rolledBack"),
  stateCrashAtomic: crashAtomic,
  stateCompact: compact,
  stateSealed: checked("sealed"),
  quotaDeny,
  coldPersist,
  keyPersist,
  coldSeeded,
};

import { equalBytes } from "@runtime/core/bytes.ts";
import { type AlgorithmName, ALGORITHMS } from "../keystored/client/algorithm.ts";
import { VERSIONS_MAX } from "../keystored/client/key_limits.ts";
import type { Probe, ProbePorts, Probes } from "./probe.ts";

/** This task's application: no other task acts for it. */
const APP = "selftest";
/** An application of the command line's. */
const OTHER_APP = "elsewhere";
const SIGNING = { app: APP, key: "ladder-sign" } as const;
const SEALING = { app: APP, key: "ladder-seal" } as const;
const REVOKED = { app: APP, key: "ladder-revoked" } as const;
const PAYLOAD_LENGTH = 200;

/** Bytes that no earlier run had. */
async function fresh({ rng }: ProbePorts): Promise<Uint8Array | undefined> {
  const drawn = await rng.getEntropy({ length: PAYLOAD_LENGTH });
  return drawn.status === "ok" ? drawn.entropy.slice() : undefined;
}

/** Makes a key, unless an earlier boot did. */
async function made(
  { store }: ProbePorts,
  purpose: string,
  algorithm: AlgorithmName,
): Promise<boolean> {
  const { code } = ALGORITHMS[algorithm];
  const wish = {
    app: APP,
    purpose,
    algorithm: code,
    uses: 0,
    label: "",
    expiresMs: 0n,
    usesMax: 0n,
  };
  const { status } = await store.create(wish);
  return status === "ok" || status === "EALREADY";
}

/** Signs, and has both the message and a changed one judged. */
async function signed(ports: ProbePorts) {
  const message = await fresh(ports);
  if (message === undefined) return undefined;
  const reply = await ports.store.sign({ ...SIGNING, message });
  if (reply.status !== "ok") return undefined;
  return { message, signature: reply.signature.slice(), version: reply.version };
}

async function versionOf(
  { store }: ProbePorts,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<number | undefined> {
  const reply = await store.verify({ ...SIGNING, message, signature });
  return reply.status === "ok" ? reply.version : undefined;
}

function changed(bytes: Uint8Array): Uint8Array {
  const other = bytes.slice();
  other[0] = (other[0] ?? 0) ^ 1;
  return other;
}

const sign: Probe = async (ports) => {
  if (!await made(ports, SIGNING.key, "ed25519")) return undefined;
  const one = await signed(ports);
  if (one === undefined) return undefined;
  const right = await versionOf(ports, one.message, one.signature);
  const wrong = await versionOf(ports, changed(one.message), one.signature);
  return right === one.version && wrong === 0 ? { version: one.version } : undefined;
};

/** The new version signs; what the old one signed is still its own. */
const rotate: Probe = async (ports) => {
  const before = await signed(ports);
  const known = await ports.store.get(SIGNING);
  if (before === undefined || known.status !== "ok") return undefined;
  if (known.versions.length >= VERSIONS_MAX) await ports.store.trim({ ...SIGNING, keep: 1 });
  const rotated = await ports.store.rotate(SIGNING);
  const after = await signed(ports);
  if (rotated.status !== "ok" || after?.version !== rotated.version) return undefined;
  const old = await versionOf(ports, before.message, before.signature);
  const held = old === before.version && after.version > before.version;
  return held ? { version: after.version } : undefined;
};

/** What is sealed opens with its data, and not with other data or a changed byte. */
const seal: Probe = async (ports) => {
  const { store } = ports;
  const [plain, aad] = [await fresh(ports), await fresh(ports)];
  if (plain === undefined || aad === undefined) return undefined;
  if (!await made(ports, SEALING.key, "xchacha20-poly1305")) return undefined;
  const reply = await store.seal({ ...SEALING, label: "ladder", aad, plain });
  if (reply.status !== "ok") return undefined;
  const sealed = reply.sealed.slice();
  const opened = await store.unseal({ ...SEALING, aad, sealed });
  const right = opened.status === "ok" && equalBytes(opened.plain, plain);
  const refused = [
    await store.unseal({ ...SEALING, aad: changed(aad), sealed }),
    await store.unseal({ ...SEALING, aad, sealed: changed(sealed) }),
  ];
  const held = right && refused.every(({ status }) => status === "EINVAL");
  return held ? { bytes: plain.length } : undefined;
};

/** A key that was revoked, in this boot or an earlier one, signs nothing and does not come back. */
const revoke: Probe = async (ports) => {
  const { store } = ports;
  if (!await made(ports, REVOKED.key, "ed25519")) return undefined;
  const revoked = await store.revoke(REVOKED);
  const message = await fresh(ports);
  if (message === undefined) return undefined;
  const { status } = await store.sign({ ...REVOKED, message });
  const resumed = await store.resume(REVOKED);
  const held = (revoked.status === "ok" || revoked.status === "EALREADY") &&
    status === "EKEYREVOKED" && resumed.status === "EKEYREVOKED";
  return held ? { status } : undefined;
};

/** Another's key is refused as one that is not there: nobody learns which. */
const deny: Probe = async ({ store }) => {
  const statuses = [
    await store.get({ app: OTHER_APP, key: SIGNING.key }),
    await store.sign({ app: OTHER_APP, key: SIGNING.key, message: new Uint8Array(1) }),
    await store.list({ app: OTHER_APP, after: "", countMax: 1 }),
    await store.list({ app: "", after: "", countMax: 1 }),
  ].map(({ status }) => status);
  return statuses.every((status) => status === "EPERM") ? { status: "EPERM" } : undefined;
};

/** A value of this task's own comes back, and is gone when it is let go. */
const values: Probe = async (ports) => {
  const [key, value] = [new TextEncoder().encode("ladder"), await fresh(ports)];
  if (value === undefined) return undefined;
  const put = await ports.keys.put({ key, value });
  const kept = await ports.keys.get({ key });
  const freed = await ports.keys.del({ key });
  const gone = await ports.keys.get({ key });
  const held = put.status === "ok" && kept.status === "ok" && equalBytes(kept.value, value) &&
    freed.status === "ok" && gone.status === "not_found";
  return held ? { bytes: value.length } : undefined;
};

export const KEYSTORE_PROBES: Probes = {
  keystoreValues: values,
  keystoreSign: sign,
  keystoreRotate: rotate,
  keystoreSeal: seal,
  keystoreRevoke: revoke,
  keystoreDeny: deny,
};

/**
 * Images as upstream writes them, byte by byte from its description: nothing of the product's encoders
 * is used, and other implementations of the ciphers.
 *
 * Source: Open Nexus OS, RFC-0018 and statefs journal v2; `userspace/statefs`, `envelope.rs`, `enc.rs`,
 * `derive.rs`.
 *
 * @module
 */

import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { createHmac, createPrivateKey, hkdfSync, sign } from "node:crypto";

const BLOCK = 512;
const UTF8 = new TextEncoder();
/** PKCS #8 in front of the seed of an Ed25519 key. Source: RFC 8410, "Examples". */
const PKCS8 = "302e020100300506032b657004220420";

export const OP = {
  put: 1,
  delete: 2,
  checkpoint: 3,
  prepare: 0x10,
  payload: 0x11,
  commit: 0x12,
  abort: 0x13,
  sync: 0x14,
} as const;

export function joined(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => [...typeof part === "string" ? UTF8.encode(part) : part]),
  );
}

export function le(size: 1 | 2 | 4 | 8, value: number | bigint): Uint8Array {
  return Uint8Array.from(
    { length: size },
    (_, at) => Number(BigInt(value) >> BigInt(8 * at) & 255n),
  );
}

/** Bit by bit. */
function crc(bytes: Uint8Array): Uint8Array {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum >>> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
  }
  return le(4, ~sum >>> 0);
}

export function record(op: number, key = "", value: Uint8Array = new Uint8Array(0)): Uint8Array {
  const name = UTF8.encode(key);
  const body = joined(
    le(4, 0x4e585346),
    le(1, op),
    le(2, name.length),
    le(4, value.length),
    name,
    value,
  );
  return joined(body, crc(body));
}

export function put(key: string, value: Uint8Array | string): Uint8Array {
  return record(OP.put, key, joined(value));
}

/** A transaction that puts each value in one chunk; one that nobody ended without `commit`. */
export function transaction(
  id: number,
  values: Readonly<Record<string, Uint8Array | string>>,
  commit = true,
): Uint8Array {
  const chunks = Object.entries(values).map(([key, value]) =>
    record(OP.payload, key, joined(le(8, id), value))
  );
  const end = commit ? [record(OP.commit, "", le(8, id))] : [];
  return joined(record(OP.prepare, "", le(8, id)), ...chunks, ...end);
}

/** The first layout: records from block 0 on. */
export function firstLayout(blocks: number, ...records: readonly Uint8Array[]): Uint8Array {
  const image = new Uint8Array(blocks * BLOCK);
  image.set(joined(...records));
  return image;
}

/** The second layout, as a compaction leaves it, with what was appended since. */
export function secondLayout(
  blocks: number,
  { active, snapshot, rest }: {
    readonly active: "a" | "b";
    readonly snapshot: readonly Uint8Array[];
    readonly rest: readonly Uint8Array[];
  },
): Uint8Array {
  const [generation, region] = [le(4, 7), active === "a" ? 0 : 1];
  const entries = le(4, snapshot.length);
  const head = joined("NXS2", le(1, 1), le(1, region), le(2, 0), generation, entries);
  const checkpoint = record(OP.checkpoint, "", joined(generation, entries));
  const image = new Uint8Array(blocks * BLOCK);
  image.set(joined(head, crc(head)));
  const start = 1 + region * Math.floor((blocks - 1) / 2);
  image.set(joined(checkpoint, ...snapshot, ...rest), start * BLOCK);
  return image;
}

export interface Enveloped {
  readonly sequence: number;
  readonly payload: Uint8Array | string;
  readonly subject?: string;
  readonly purpose?: string;
  readonly timestamp?: number;
  /** With a MAC of this key, over this path. */
  readonly mac?: { readonly key: Uint8Array; readonly path: string };
}

export function envelope(
  { sequence, payload, subject = "", purpose = "", timestamp = 0, mac }: Enveloped,
): Uint8Array {
  const [who, what, bytes] = [UTF8.encode(subject), UTF8.encode(purpose), joined(payload)];
  const start = joined("NXEV", le(1, 1), le(1, mac === undefined ? 0 : 1));
  const order = joined(le(8, sequence), le(8, timestamp));
  const lengths = joined(le(1, who.length), le(1, what.length), le(4, bytes.length));
  const tag = mac === undefined ? new Uint8Array(0) : createHmac("sha256", mac.key).update(joined(
    ...[start, le(2, UTF8.encode(mac.path).length), mac.path, order],
    ...[le(1, who.length), who, le(1, what.length), what, le(4, bytes.length), bytes],
  )).digest();
  return joined(start, order, lengths, who, what, new Uint8Array(tag), bytes);
}

/** The key that a device derives: from its signature of the label. */
export function derivedKey(seed: Uint8Array, label: string): Uint8Array {
  const prefix = Uint8Array.from(PKCS8.match(/../g) ?? [], (hex) => parseInt(hex, 16));
  const base64 = btoa(String.fromCharCode(...joined(prefix, seed)));
  const key = createPrivateKey(`-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----`);
  const signature = sign(null, UTF8.encode(label), key);
  return new Uint8Array(hkdfSync("sha256", signature, UTF8.encode(label), UTF8.encode(label), 32));
}

/** A value as it is sealed for its path. */
export function sealed(
  path: string,
  plain: Uint8Array | string,
  { key, salt, id }: { readonly key: Uint8Array; readonly salt: Uint8Array; readonly id: number },
): Uint8Array {
  const counters = joined(le(8, id), le(4, 0));
  const header = joined("NXR1", le(1, 1), le(1, 0), le(2, 0), counters);
  const cipher = xchacha20poly1305(key, joined(salt, counters), joined(header, path));
  return joined(header, cipher.encrypt(joined(plain)));
}

/** The value that turns encryption on. */
export function saltMark(salt: Uint8Array): Uint8Array {
  const body = joined("NXEM", le(1, 1), salt);
  return joined(body, crc(body));
}

import type { PackedService } from "./service.ts";

/** What the codec looks up with every frame of a protocol, worked out once. */
export interface FrameLayout {
  /** The first two bytes. */
  readonly magic: readonly [number, number];
  /** Whether requests and replies end in a nonce that may be absent. */
  readonly requestTail: boolean;
  readonly replyTail: boolean;
  /** Whether replies name their request. */
  readonly correlated: boolean;
  readonly opNames: ReadonlyMap<number, string>;
  readonly statusNames: ReadonlyMap<number, string>;
}

const NONCE_PARTS: ReadonlySet<string> = new Set(["nonce32", "nonce64", "tailNonce64"]);

const LAYOUTS = new WeakMap<PackedService, FrameLayout>();

/** The layout of a protocol's frames. */
export function layoutOf(service: PackedService): FrameLayout {
  const known = LAYOUTS.get(service);
  if (known !== undefined) return known;
  const { magic, envelope, ops, status } = service;
  const layout: FrameLayout = {
    magic: [magic.charCodeAt(0), magic.charCodeAt(1)],
    requestTail: envelope.request.includes("tailNonce64"),
    replyTail: envelope.reply.includes("tailNonce64"),
    correlated: envelope.reply.some((part) => NONCE_PARTS.has(part)),
    opNames: new Map(Object.entries(ops).map(([name, op]) => [op.code, name])),
    statusNames: new Map(Object.entries(status).map(([name, value]) => [value, name])),
  };
  LAYOUTS.set(service, layout);
  return layout;
}

import { LADDER_MARKERS } from "./manifest.gen.ts";

const SESSION: readonly string[] = [
  "dsoftbusd: identity bound peer=<id>",
  "dsoftbusd: auth ok",
  "dsoftbusd: os session ok",
  "SELFTEST: dsoftbus os connect ok",
  "SELFTEST: dsoftbus ping ok",
  "SELFTEST: end",
];

/**
 * Daemons come up one by one, in the order of their calls: the ones that all others stand on first.
 * The first line of a console that is missing is told by this chain too.
 */
const BRING_UP: readonly string[] = [
  "logd: ready",
  "policyd: ready",
  "init: mmio policy deny ok",
  "rngd: mmio window mapped ok",
  "rngd: ready",
  "blk: virtio-blk up (ss=512 nsec=<count>)",
  "statefsd: ready",
  "keystored: ready",
  "identityd: ready",
  "samgrd: ready",
  "net: virtio-net up",
  "netstackd: facade up",
  "netstackd: ready",
  "dsoftbusd: ready",
  "controld: ready",
  "init: ready",
];

/** The selftest starts when every daemon serves, and runs its probes in order. */
const SELFTEST: readonly string[] = [
  "init: ready",
  ...LADDER_MARKERS
    .filter(({ line, role }) => role === "required" && line.startsWith("SELFTEST: "))
    .map(({ line }) => line),
];

/** Chains of lines that appear in this order on a healthy node. */
export const LADDER_ORDERS: readonly (readonly string[])[] = [BRING_UP, SELFTEST, SESSION];

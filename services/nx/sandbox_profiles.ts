import type { HostAddress } from "@runtime/core/ports.ts";
import { hostPortText, isAddress } from "./address.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import type { PeerAddress } from "./ports.ts";

/** What a node may be confined to, beyond what it was asked. */
export const SANDBOX_PROFILES = ["offline", "loopback", "lan", "read-only", "no-state"] as const;
export type SandboxProfile = typeof SANDBOX_PROFILES[number];

/** What a profile leaves of a node. */
export interface SandboxRules {
  /** Which addresses it may listen at and dial; names are never judged to be inside. */
  readonly addresses: "none" | "loopback" | "private" | "any";
  /** Whether it writes anything: a control socket and a report are written. */
  readonly writes: boolean;
  /** Whether it has a folder for state. */
  readonly state: boolean;
  readonly text: string;
}

export const SANDBOX_RULES: Readonly<Record<SandboxProfile, SandboxRules>> = {
  "offline": {
    ...{ addresses: "none", writes: true, state: true },
    text: "listens nowhere and dials nobody",
  },
  "loopback": {
    ...{ addresses: "loopback", writes: true, state: true },
    text: "listens and dials on this host alone",
  },
  "lan": {
    ...{ addresses: "private", writes: true, state: true },
    text: "listens and dials at private addresses alone",
  },
  "read-only": {
    ...{ addresses: "any", writes: false, state: true },
    text: "writes nothing: no control socket, no file",
  },
  "no-state": {
    ...{ addresses: "any", writes: true, state: false },
    text: "has no folder for state",
  },
};

const LOOPBACK = /^(?:127\.|::1$)/;
/** Source: RFC 1918, RFC 3927, RFC 4193, RFC 4291. 0.0.0.0 and :: are none: they stand for every address. */
const PRIVATE = /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|f[cd]|fe[89ab])/;

/** Whether a profile lets a node use an address. */
export function allows({ addresses }: SandboxRules, { host }: HostAddress): boolean {
  if (addresses === "any") return true;
  if (addresses === "none" || !isAddress(host)) return false;
  return LOOPBACK.test(host) || (addresses === "private" && PRIVATE.test(host));
}

/** @throws {CommandFailure} for a state directory, or the first address, that a profile does not allow. */
export function refuseOutside(
  profile: SandboxProfile,
  { listen, peers, state }: {
    readonly listen: HostAddress | undefined;
    readonly peers: readonly PeerAddress[];
    readonly state?: string | undefined;
  },
): void {
  const rules = SANDBOX_RULES[profile];
  if (state !== undefined && !(rules.state && rules.writes)) {
    throw new CommandFailure(
      EXIT.usage,
      `--sandbox ${profile} refuses --state ${state}: such a node ${rules.text}`,
    );
  }
  const asked = [
    ...listen === undefined ? [] : [{ option: "--listen", address: listen }],
    ...peers.map(({ address }) => ({ option: "--peer", address })),
  ];
  const outside = asked.find(({ address }) => !allows(rules, address));
  if (outside === undefined) return;
  throw new CommandFailure(
    EXIT.usage,
    `--sandbox ${profile} refuses ${outside.option} ${hostPortText(outside.address)}: ` +
      `such a node ${rules.text}`,
  );
}

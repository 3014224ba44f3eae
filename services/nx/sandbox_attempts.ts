import type { HostAddress } from "@runtime/core/ports.ts";
import type { Reach } from "@runtime/core/program_ports.ts";
import type { Attempt } from "@runtime/core/sandbox_ports.ts";
import { SANDBOX_RULES, type SandboxProfile } from "./sandbox_profiles.ts";

/** One thing to try under a profile, and how it must go. */
export interface Trial {
  readonly attempt: Attempt;
  readonly must: "work" | "refuse";
}

/** Where the trials of one profile happen. */
export interface TrialPlace {
  /** Somebody who accepts on this host. */
  readonly peer: HostAddress;
  /** Another such. */
  readonly stranger: HostAddress;
  /** Folders that a node has. */
  readonly runtime: string;
  readonly state: string;
  /** A folder that it has not. */
  readonly outside: string;
  /** A file of the program; `undefined` where it is compiled in. */
  readonly source: string | undefined;
}

const ANY_PORT = 0;
const LOOPBACK = "127.0.0.1";
const EVERYWHERE = "0.0.0.0";
/** Nobody has it. Source: RFC 5737, TEST-NET-1. */
const FAR: HostAddress = { host: "192.0.2.1", port: 443 };

/** Of a node in a network of its own: permitted and not tried, because no packet leaves the host. */
const LAN_PEER: HostAddress = { host: "192.168.0.2", port: 7401 };

/** What a node under a profile is asked to reach: as much as the profile leaves. */
export function sandboxReach(
  profile: SandboxProfile,
  { peer, runtime, state }: TrialPlace,
): Reach {
  const { addresses, writes, state: hasState } = SANDBOX_RULES[profile];
  const online = addresses !== "none";
  return {
    listens: online ? [listenOf(profile)] : [],
    dials: online ? [peer, ...addresses === "private" ? [LAN_PEER] : []] : [],
    folders: [runtime, ...hasState ? [state] : []],
    readOnly: !writes,
    socket: writes ? `${runtime}/.1.sock` : undefined,
    variables: [],
  };
}

function listenOf(profile: SandboxProfile): HostAddress {
  const { addresses } = SANDBOX_RULES[profile];
  return { host: addresses === "any" ? EVERYWHERE : LOOPBACK, port: ANY_PORT };
}

/** What is tried under a profile: all that such a node needs, and what it must never get. */
export function sandboxTrials(profile: SandboxProfile, place: TrialPlace): readonly Trial[] {
  const { addresses, writes, state: hasState } = SANDBOX_RULES[profile];
  const { peer, stranger, runtime, state, outside, source } = place;
  const online = addresses !== "none";
  const must = (yes: boolean): Trial["must"] => yes ? "work" : "refuse";
  const trials: (readonly [Trial["must"], Attempt])[] = [
    [must(online), { what: "listen", on: listenOf(profile) }],
    [must(online), { what: "dial", on: peer }],
    ["refuse", { what: "dial", on: stranger }],
    ["refuse", { what: "dial", on: FAR }],
    ["refuse", { what: "look up", on: "localhost" }],
    [must(addresses === "any"), { what: "listen", on: { host: EVERYWHERE, port: ANY_PORT } }],
    ["refuse", { what: "listen", on: { host: "127.0.0.2", port: ANY_PORT } }],
    ["refuse", { what: "listen", on: { host: "::1", port: ANY_PORT } }],
    ["work", { what: "read", on: `${runtime}/there` }],
    [must(writes), { what: "write", on: `${runtime}/new` }],
    [must(writes), { what: "socket", on: `${runtime}/.1.sock` }],
    [must(hasState), { what: "read", on: `${state}/there` }],
    [must(hasState && writes), { what: "write", on: `${state}/new` }],
    ["refuse", { what: "read", on: `${outside}/there` }],
    ["refuse", { what: "write", on: `${outside}/new` }],
    ["refuse", { what: "read", on: `${runtime}/../outside/there` }],
    ["refuse", { what: "link", on: `${runtime}/link` }],
    ["refuse", { what: "read", on: "/etc/passwd" }],
    ["refuse", { what: "read", on: "/proc/self/environ" }],
    ...source === undefined ? [] : [["refuse", { what: "read", on: source }]] as const,
    ["refuse", { what: "env", on: "HOME" }],
    ["refuse", { what: "env", on: "XDG_RUNTIME_DIR" }],
    ["work", { what: "sys", on: "uid" }],
    ["refuse", { what: "sys", on: "hostname" }],
    ["refuse", { what: "run", on: "/bin/true" }],
    ["refuse", { what: "ffi", on: "/lib/x86_64-linux-gnu/libc.so.6" }],
    ["refuse", { what: "import", on: "https://sandbox.invalid/code.ts" }],
    ["refuse", { what: "worker", on: "with every permission" }],
  ];
  return trials.map(([must, attempt]) => ({ must, attempt }));
}

import type { Evidence } from "@runtime/boot/component.ts";
import type { Clock } from "@runtime/core/ports.ts";
import type { Syscalls } from "@runtime/core/syscalls.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { dsoftbusd } from "../dsoftbusd/protocol.ts";
import type { identityd } from "../identityd/protocol.ts";
import type { keys } from "../keystored/client/keys_protocol.ts";
import type { keystored } from "../keystored/protocol.ts";
import type { logdQuery, logdV2 } from "../logd/protocol.ts";
import type { netstackd } from "../netstackd/protocol.ts";
import type { policyd } from "../policyd/protocol.ts";
import type { rngd } from "../rngd/protocol.ts";
import type { samgrd } from "../samgrd/protocol.ts";
import type { statefsd } from "../statefsd/protocol.ts";
import type { ProbeKey } from "./protocol.ts";

/** The daemons that the probes call. */
export interface ProbePorts {
  readonly syscalls: Syscalls;
  readonly clock: Clock;
  readonly keys: Client<typeof keystored>;
  readonly identity: Client<typeof identityd>;
  readonly samgr: Client<typeof samgrd>;
  readonly policy: Client<typeof policyd>;
  readonly log: Client<typeof logdV2>;
  readonly logQuery: Client<typeof logdQuery>;
  readonly rng: Client<typeof rngd>;
  readonly net: Client<typeof netstackd>;
  readonly bus: Client<typeof dsoftbusd>;
  readonly state: Client<typeof statefsd>;
  /** Keys of applications. */
  readonly store: Client<typeof keys>;
  readonly raw: {
    readonly keystored: RawChannel;
    readonly policyd: RawChannel;
    readonly samgrd: RawChannel;
  };
  /** Names of the daemons that boot on this node. */
  readonly daemons: readonly string[];
  /** Peer to connect to, or `undefined` to wait for one that connects. */
  readonly peer: { readonly address: number; readonly port: number } | undefined;
}

/** What a probe shows; `undefined` is its failure, `absent` that this node has nothing to probe. */
export type Shown = Readonly<Record<string, Evidence>> | "absent" | undefined;

/** One probe. It proves its line or fails; it never throws for what a daemon answers. */
export type Probe = (ports: ProbePorts) => Promise<Shown>;

/** Probes by key, in the order in which they run. */
export type Probes = Readonly<Partial<Record<ProbeKey, Probe>>>;

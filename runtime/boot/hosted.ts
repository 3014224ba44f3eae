import { assert, InvariantError } from "../core/assert.ts";
import { Refusal } from "../core/error.ts";
import type { Principal, Slot } from "../core/syscalls.ts";
import type { ChannelSlots, Exchange, RawChannel, SyscallChannel } from "../idl/channel.ts";
import { createClient } from "../idl/client.ts";
import type { Task } from "../kernel/task.ts";
import type { AnyComponent, DevicePorts } from "./component.ts";
import type { Load } from "./load.ts";

/** A right to call. Absent slots: there is nobody to call. */
export interface Right {
  readonly slots: ChannelSlots | undefined;
  /** Made when the caller first asks for it; the slots are the channel's from then on. */
  readonly channel: SyscallChannel | undefined;
}

/** A task of this isolate: a daemon, or a principal that only calls. */
export interface Caller {
  readonly task: Task;
  /** Rights to call, by key. */
  readonly calls: Map<string, Right>;
}

/** A daemon of this isolate. */
export interface Hosted extends Caller {
  readonly component: AnyComponent;
  /** Receive rights by endpoint name. */
  readonly receive: Map<string, Slot>;
  /** Reply rights by the badge of the caller's send right, one map for each endpoint. */
  readonly replyTo: Map<string, Map<number, Slot>>;
  readonly devices: Map<string, DevicePorts>;
  readonly load: Load;
  readonly bornNs: number;
  /** Who is told that a caller has ended. */
  readonly listeners: Set<(who: Principal) => void>;
}

/** A typed client of each daemon that a component calls; replies that do not parse are told. */
export function clientsOf(
  component: AnyComponent,
  channels: Readonly<Record<string, SyscallChannel>>,
  garbled: (key: string) => void,
): Record<string, unknown> {
  const clients = Object.entries(component.calls).map(([key, service]) => {
    const channel = channels[key];
    assert(channel !== undefined, "every called service has its channel");
    return [key, createClient(service, channel, () => garbled(key))] as const;
  });
  return Object.fromEntries(clients);
}

/** Channels as a daemon is given them: whom they lead to is the host's to say. */
export function rawChannelsOf(
  channels: Readonly<Record<string, SyscallChannel>>,
): Readonly<Record<string, RawChannel>> {
  const raw = Object.entries(channels).map(([key, channel]) => {
    const exchange = (asked: Exchange) => channel.exchange(asked);
    return [key, Object.freeze({ exchange })] as const;
  });
  return Object.fromEntries(raw);
}

/** Messages of other errors may quote what they choked on: their name is all that is told. */
export function reasonOf(error: unknown): string {
  if (error instanceof InvariantError) return error.message;
  if (error instanceof Refusal) return error.code;
  return error instanceof Error ? error.name : "unknown";
}

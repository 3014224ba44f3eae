/**
 * What a task may ask of the kernel. This is the whole contract between a daemon and its host: only
 * byte frames and capabilities cross it, and a task waits on nothing but a promise made here. The
 * inline host and a worker host both implement it.
 *
 * @module
 */

import type { Clock, DmaRegion, Irq, MmioWindow } from "./ports.ts";

/** Index into the task's own capability table: 0..{@linkcode CAPABILITY_SLOTS}-1. */
export type Slot = number;

/** Slots in every capability table. */
export const CAPABILITY_SLOTS = 256;

/** Longest frame that a message carries, in bytes. Larger payloads move as a VMO. */
export const FRAME_LENGTH_MAX = 8192;

/** Largest memory object, in bytes. */
export const VMO_LENGTH_MAX = 1 << 20;

/** Rights of a capability, as bits. Source: Open Nexus OS kernel, "Rights". */
export const RIGHT_SEND = 1;
export const RIGHT_RECV = 2;
export const RIGHT_MAP = 4;
export const RIGHT_MANAGE = 8;

/** Who a task is: fixed at spawn by the kernel's registry. */
export interface Principal {
  /** `sender_service_id`: FNV-1a 64 of the name. */
  readonly sid: bigint;
  /** The registered name, unique in the node: the policy subject. */
  readonly name: string;
}

/** Outcome of a system call that does not hand anything back. */
export type CallStatus =
  | "ok"
  /** The endpoint holds as many messages as it may. EAGAIN. */
  | "queue_full"
  /** A byte budget or a capability table is full. ENOSPC. */
  | "no_space"
  /** The endpoint is closed. ESRCH. */
  | "no_such_endpoint"
  /** The capability lacks the right, or may not do this at all. EPERM. */
  | "permission_denied"
  /** The slot is empty or out of range. ENOENT. */
  | "invalid_slot"
  /** An argument is out of its range. EINVAL. */
  | "invalid_argument"
  /** The deadline passed. ETIMEDOUT. */
  | "timed_out"
  /** The last holder of a send right is gone. EPIPE. */
  | "peer_closed";

/** A message taken from an endpoint. */
export interface Message {
  readonly status: "ok";
  /** The frame: the receiver's own copy. */
  readonly frame: Uint8Array;
  /** Stamped by the kernel from its registry; nothing in the frame can change it. */
  readonly sender: Principal;
  /** Which send right it came over, as its minter numbered them; 0 for a task's own endpoints. */
  readonly badge: number;
  /** Where the capability that came with the message now stands, if one came. */
  readonly moved: Slot | undefined;
}

/** What {@linkcode Syscalls.receive} ends with. */
export type Received = Message | { readonly status: Exclude<CallStatus, "ok"> };

/** What a call that makes a capability ends with. */
export type Allotted =
  | { readonly status: "ok"; readonly slot: Slot }
  | { readonly status: Exclude<CallStatus, "ok"> };

/** Both ends of a fresh endpoint. */
export type EndpointPair =
  | { readonly status: "ok"; readonly receive: Slot; readonly send: Slot }
  | { readonly status: Exclude<CallStatus, "ok"> };

/** What {@linkcode Syscalls.mmioMap} ends with. */
export type Mapped =
  | { readonly status: "ok"; readonly window: MmioWindow }
  | { readonly status: Exclude<CallStatus, "ok"> };

/** What {@linkcode Syscalls.capQuery} ends with: 24 bytes in upstream, the same facts here. */
export type Queried =
  | {
    readonly status: "ok";
    readonly kind: "vmo" | "mmio";
    /** Guest-physical for `mmio`, 0 for `vmo`. */
    readonly base: number;
    /** In bytes. */
    readonly length: number;
  }
  | { readonly status: Exclude<CallStatus, "ok"> };

/** Options of {@linkcode Syscalls.send}. */
export interface SendOptions {
  /** Capability to give away with the message (CAP_MOVE). It returns to its slot if the send fails. */
  readonly move?: Slot | undefined;
  /** Absolute, on {@linkcode Syscalls.clock}. Without one the send waits for room for ever. */
  readonly deadlineNs?: number | undefined;
}

/** The kernel as one task sees it. */
export interface Syscalls {
  readonly self: Principal;
  readonly clock: Clock;

  /** Sends without waiting; `queue_full` or `no_space` when there is no room now. */
  trySend(slot: Slot, frame: Uint8Array): CallStatus;
  /** Sends, waiting for room. Calls on one slot keep their order, awaited or not. */
  send(slot: Slot, frame: Uint8Array, options?: SendOptions): Promise<CallStatus>;
  /** Takes the next message. Without a deadline it waits for ever. */
  receive(slot: Slot, deadlineNs?: number): Promise<Received>;

  /**
   * Makes an endpoint of the task's own, for replies.
   *
   * @param depth Messages that may wait, 1..256.
   */
  endpointCreate(depth: number): EndpointPair;
  /** Copies a capability within the table; a receive right and a memory object have one holder. */
  capClone(slot: Slot): Allotted;
  /** Drops one slot. */
  capClose(slot: Slot): CallStatus;

  /** Makes a zero-filled memory object of 1..{@linkcode VMO_LENGTH_MAX} bytes. */
  vmoCreate(length: number): Allotted;
  /** Turns an ArrayBuffer of the task's own into a memory object without copying; it is detached. */
  vmoFrom(bytes: Uint8Array<ArrayBuffer>): Allotted;
  /**
   * The object's bytes, or `undefined` when the slot holds no mappable memory object. Views die when
   * the object moves to another task.
   */
  vmoMap(slot: Slot): Uint8Array<ArrayBuffer> | undefined;

  /**
   * Part of a device's registers. `permission_denied` for a missing capability, another kind, a
   * missing MAP right or a range outside the window; `invalid_argument` for a range that is not whole
   * pages.
   *
   * Source: Open Nexus OS, TASK-0010 "Device MMIO access model".
   */
  mmioMap(slot: Slot, offset: number, length: number): Mapped;
  /** What a capability with MAP covers; `permission_denied` for any other. */
  capQuery(slot: Slot): Queried;
  /** The RAM region that belongs to the device behind `slot`. */
  dmaMap(slot: Slot): DmaRegion | undefined;
  /** The interrupt behind `slot`. */
  irqBind(slot: Slot): Irq | undefined;

  /** Resolves no earlier than `deadlineNs`. */
  sleepUntil(deadlineNs: number): Promise<void>;
  /** A timer that can be set again and again without making a promise each time. */
  timerCreate(): Timer;
}

/** A timer of the kernel's. Unset at first. */
export interface Timer {
  /** Moves the deadline; `undefined` unsets it. A timer that fired stays fired until waited for. */
  set(deadlineNs: number | undefined): void;
  /** Resolves when the deadline has passed. One waiter at a time. */
  wait(): Promise<void>;
}

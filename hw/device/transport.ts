/**
 * The virtio-mmio transport, version 2, as a driver sees it: registers, the status machine, feature
 * negotiation, queue set-up. It knows no device.
 *
 * Source: VIRTIO 1.2, "Virtio Over MMIO" and "Device Status Field". Two real guests disagree about
 * the order of the status bits (Linux 0, 1, 3, 0xb, 0xf; U-Boot 0, 2, 0xa, 0xe), so only what
 * matters is demanded: FEATURES_OK before DRIVER_OK, and nothing live before DRIVER_OK.
 *
 * @module
 */

import {
  FEATURE_EVENT_IDX,
  FEATURE_INDIRECT_DESC,
  FEATURE_VERSION_1,
  featureSet,
  highWord,
  lowWord,
} from "../virtio/features.ts";
import { VENDOR_ID } from "../virtio/ids.ts";
import {
  INTERRUPT_CONFIG,
  INTERRUPT_USED,
  MAGIC_VALUE,
  REGISTER,
  SHM_ABSENT,
  VERSION,
} from "../virtio/registers.ts";
import {
  STATUS_DRIVER_BITS,
  STATUS_DRIVER_OK,
  STATUS_FAILED,
  STATUS_FEATURES_OK,
  STATUS_NEEDS_RESET,
} from "../virtio/status.ts";
import type { IrqLine } from "../bus/irq.ts";
import type { GuestMemory } from "../bus/memory.ts";
import type { AccessWidth, MmioDevice } from "../bus/mmio_bus.ts";
import { QueueError, type QueueErrorCode } from "./chain.ts";
import { SplitQueue } from "./queue.ts";
import {
  freshQueue,
  QUEUE_FIELDS,
  type QueueRegisters,
  READ_ONLY,
  WRITE_ONLY,
} from "./queue_registers.ts";
import type { DeviceHost, VirtioDevice } from "./virtio_device.ts";

/** Why a register access or a kick had no effect, one name per distinct cause. */
export type Refusal =
  | "bad_width"
  | "config_write"
  | "features_locked"
  | "features_refused"
  | "kick_ignored"
  | "queue_absent"
  | "queue_live"
  | "ready_refused"
  | "status_order"
  | "wrong_direction"
  | "unknown_register";

const TRANSPORT_FEATURES = FEATURE_VERSION_1 | FEATURE_INDIRECT_DESC | FEATURE_EVENT_IDX;

/** What a transport is built from. */
export interface TransportParts {
  readonly device: VirtioDevice;
  /** All that the device can reach by DMA. */
  readonly memory: GuestMemory;
  readonly irq: IrqLine;
  /** Runs work in a later turn. */
  readonly later: (work: () => void) => void;
}

/** One device behind its registers. */
export class VirtioMmio implements MmioDevice {
  readonly #device: VirtioDevice;
  readonly #memory: GuestMemory;
  readonly #irq: IrqLine;
  readonly #offered: bigint;
  readonly #queues: readonly QueueRegisters[];
  #status = 0;
  #interruptStatus = 0;
  #deviceFeaturesSel = 0;
  #driverFeaturesSel = 0;
  #driverFeaturesLow = 0;
  #driverFeaturesHigh = 0;
  #negotiated = 0n;
  #queueSel = 0;
  #configGeneration = 0;
  /** Counts resets: work put off before one must find out. */
  #generation = 0;
  #refusals = new Map<Refusal, number>();
  #broken: QueueErrorCode | undefined;

  constructor(parts: TransportParts) {
    const { device, later } = parts;
    this.#device = device;
    this.#memory = parts.memory;
    this.#irq = parts.irq;
    this.#offered = device.features | TRANSPORT_FEATURES;
    this.#queues = device.queueSizesMax.map(freshQueue);
    device.attach(this.#host(later));
  }

  /** How often something was refused for `reason`. */
  refused(reason: Refusal): number {
    return this.#refusals.get(reason) ?? 0;
  }

  /** Why the device needs a reset, if it does. */
  get broken(): QueueErrorCode | undefined {
    return this.#broken;
  }

  read(offset: number, width: AccessWidth): number {
    if (offset >= REGISTER.config) return this.#readConfig(offset - REGISTER.config, width);
    if (width !== 4) return this.#refuse("bad_width");
    switch (offset) {
      case REGISTER.magicValue:
        return MAGIC_VALUE;
      case REGISTER.version:
        return VERSION;
      case REGISTER.deviceId:
        return this.#device.deviceId;
      case REGISTER.vendorId:
        return VENDOR_ID;
      case REGISTER.deviceFeatures:
        return this.#featureWord();
      case REGISTER.queueNumMax:
        return this.#queues[this.#queueSel]?.sizeMax ?? 0;
      case REGISTER.queueReady:
        return this.#queues[this.#queueSel]?.live === undefined ? 0 : 1;
      case REGISTER.interruptStatus:
        return this.#interruptStatus;
      case REGISTER.status:
        return this.#status;
      case REGISTER.shmLenLow:
      case REGISTER.shmLenHigh:
      case REGISTER.shmBaseLow:
      case REGISTER.shmBaseHigh:
        return SHM_ABSENT;
      case REGISTER.queueReset:
        return 0;
      case REGISTER.configGeneration:
        return this.#configGeneration;
      default:
        return this.#refuse(WRITE_ONLY.has(offset) ? "wrong_direction" : "unknown_register");
    }
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (offset >= REGISTER.config) return void this.#refuse("config_write");
    if (width !== 4) return void this.#refuse("bad_width");
    switch (offset) {
      case REGISTER.deviceFeaturesSel:
        this.#deviceFeaturesSel = value;
        return;
      case REGISTER.driverFeaturesSel:
        this.#driverFeaturesSel = value;
        return;
      case REGISTER.driverFeatures:
        return this.#writeFeatures(value);
      case REGISTER.queueSel:
        this.#queueSel = value;
        return;
      case REGISTER.queueNotify:
        return this.#kick(value);
      case REGISTER.interruptAck:
        return this.#acknowledge(value);
      case REGISTER.status:
        return value === 0 ? this.#reset() : this.#raiseStatus(value);
      case REGISTER.shmSel:
        return;
      case REGISTER.queueReady:
        return this.#writeReady(value);
      default:
        return this.#writeQueue(offset, value);
    }
  }

  #readConfig(offset: number, width: AccessWidth): number {
    const { config } = this.#device;
    let value = 0;
    for (let index = width - 1; index >= 0; index--) {
      value = value * 256 + (config[offset + index] ?? 0);
    }
    return value;
  }

  #featureWord(): number {
    if (this.#deviceFeaturesSel === 0) return lowWord(this.#offered);
    return this.#deviceFeaturesSel === 1 ? highWord(this.#offered) : 0;
  }

  #writeFeatures(value: number): void {
    if ((this.#status & STATUS_FEATURES_OK) !== 0) return void this.#refuse("features_locked");
    if (this.#driverFeaturesSel === 0) this.#driverFeaturesLow = value;
    if (this.#driverFeaturesSel === 1) this.#driverFeaturesHigh = value;
  }

  #acknowledge(bits: number): void {
    this.#interruptStatus &= ~bits;
    this.#irq(this.#interruptStatus !== 0);
  }

  // Bits only ever come: a driver that leaves some out has not reset the device.
  #raiseStatus(value: number): void {
    const fresh = value & STATUS_DRIVER_BITS & ~this.#status;
    this.#status |= fresh & ~(STATUS_FEATURES_OK | STATUS_DRIVER_OK);
    if ((fresh & STATUS_FEATURES_OK) !== 0) this.#acceptFeatures();
    if ((fresh & STATUS_DRIVER_OK) === 0) return;
    if ((this.#status & STATUS_FEATURES_OK) === 0) return void this.#refuse("status_order");
    this.#status |= STATUS_DRIVER_OK;
    if (this.#running) this.#device.start();
  }

  #acceptFeatures(): void {
    const features = featureSet({ low: this.#driverFeaturesLow, high: this.#driverFeaturesHigh });
    const subset = (features & ~this.#offered) === 0n;
    if (!subset || (features & FEATURE_VERSION_1) === 0n) {
      return void this.#refuse("features_refused");
    }
    this.#negotiated = features;
    this.#status |= STATUS_FEATURES_OK;
  }

  // Done before the register write returns: no guest waits for a reset to finish.
  #reset(): void {
    this.#stopQueues();
    for (const queue of this.#queues) Object.assign(queue, freshQueue(queue.sizeMax));
    this.#generation++;
    this.#status = 0;
    this.#interruptStatus = 0;
    this.#deviceFeaturesSel = 0;
    this.#driverFeaturesSel = 0;
    this.#driverFeaturesLow = 0;
    this.#driverFeaturesHigh = 0;
    this.#negotiated = 0n;
    this.#queueSel = 0;
    this.#broken = undefined;
    this.#irq(false);
    this.#device.stop();
  }

  #stopQueues(): void {
    for (const queue of this.#queues) {
      queue.live?.stop();
      queue.live = undefined;
    }
  }

  #writeQueue(offset: number, value: number): void {
    const field = QUEUE_FIELDS.get(offset);
    if (field === undefined) {
      return void this.#refuse(READ_ONLY.has(offset) ? "wrong_direction" : "unknown_register");
    }
    const queue = this.#queues[this.#queueSel];
    if (queue === undefined) return void this.#refuse("queue_absent");
    if (queue.live !== undefined) return void this.#refuse("queue_live");
    queue[field] = value;
  }

  #writeReady(value: number): void {
    const queue = this.#queues[this.#queueSel];
    if (queue === undefined) return void this.#refuse("queue_absent");
    if (value === 0) {
      queue.live?.stop();
      queue.live = undefined;
      return;
    }
    if (queue.live !== undefined) return;
    const configurable = (this.#status & STATUS_FEATURES_OK) !== 0 && this.#broken === undefined;
    if (value !== 1 || !configurable) return void this.#refuse("ready_refused");
    try {
      queue.live = this.#openQueue(queue);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      this.#refuse("ready_refused");
    }
  }

  #openQueue(queue: QueueRegisters): SplitQueue {
    return new SplitQueue({
      memory: this.#memory,
      size: queue.size,
      sizeMax: queue.sizeMax,
      descriptors: { low: queue.descLow, high: queue.descHigh },
      available: { low: queue.driverLow, high: queue.driverHigh },
      used: { low: queue.deviceLow, high: queue.deviceHigh },
      eventIndex: (this.#negotiated & FEATURE_EVENT_IDX) !== 0n,
      indirect: (this.#negotiated & FEATURE_INDIRECT_DESC) !== 0n,
    });
  }

  get #running(): boolean {
    const bits = STATUS_DRIVER_OK | STATUS_FAILED | STATUS_NEEDS_RESET;
    return (this.#status & bits) === STATUS_DRIVER_OK;
  }

  #queue(index: number): SplitQueue | undefined {
    return this.#running ? this.#queues[index]?.live : undefined;
  }

  #kick(index: number): void {
    if (this.#queue(index) === undefined) return void this.#refuse("kick_ignored");
    try {
      this.#device.kick(index);
    } catch (error) {
      this.#break(error);
    }
  }

  #run(work: () => void): void {
    if (!this.#running) return;
    try {
      work();
    } catch (error) {
      this.#break(error);
    }
  }

  #break(error: unknown): void {
    if (!(error instanceof QueueError)) throw error;
    this.#broken = error.code;
    const wasRunning = this.#running;
    this.#status |= STATUS_NEEDS_RESET;
    this.#stopQueues();
    this.#device.stop();
    if (wasRunning) this.#interrupt(INTERRUPT_CONFIG);
  }

  #interrupt(bit: number): void {
    const before = this.#interruptStatus;
    this.#interruptStatus |= bit;
    if (before === 0) this.#irq(true);
  }

  #host(later: (work: () => void) => void): DeviceHost {
    return {
      queue: (index) => this.#queue(index),
      negotiated: (feature) => (this.#negotiated & feature) !== 0n,
      publish: (queue) => {
        if (queue.publish()) this.#interrupt(INTERRUPT_USED);
      },
      configChanged: () => {
        this.#configGeneration = (this.#configGeneration + 1) >>> 0;
        if (this.#running) this.#interrupt(INTERRUPT_CONFIG);
      },
      run: (work) => this.#run(work),
      later: (work) => {
        const generation = this.#generation;
        later(() => {
          if (generation === this.#generation) this.#run(work);
        });
      },
    };
  }

  #refuse(reason: Refusal): number {
    this.#refusals.set(reason, this.refused(reason) + 1);
    return 0;
  }
}

/**
 * The driver's side of the virtio-mmio transport, over one register window and nothing else.
 *
 * Source: VIRTIO 1.2, "Device Initialization" and "Virtio Over MMIO".
 *
 * @module
 */

import type { MmioWindow } from "@runtime/core/ports.ts";
import { FEATURE_VERSION_1, featureSet, highWord, lowWord } from "../virtio/features.ts";
import { INTERRUPT_CONFIG, MAGIC_VALUE, REGISTER, VERSION } from "../virtio/registers.ts";
import {
  STATUS_ACKNOWLEDGE,
  STATUS_DRIVER,
  STATUS_DRIVER_OK,
  STATUS_FAILED,
  STATUS_FEATURES_OK,
  STATUS_NEEDS_RESET,
} from "../virtio/status.ts";
import { DriverError, type DriverErrorCode } from "./error.ts";

/** Guest-physical places of a queue's three areas, below 2^53. */
export interface QueuePlace {
  readonly size: number;
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
}

/** Times that a configuration is read again because it changed meanwhile. */
export const CONFIG_READS_MAX = 8;

const WORD = 2 ** 32;

/** One device, found and being driven. */
export class DriverTransport {
  readonly #window: MmioWindow;
  /** What was agreed on. */
  features = 0n;

  constructor(window: MmioWindow) {
    this.#window = window;
  }

  /**
   * Resets the device and introduces the driver.
   *
   * @param deviceId The kind that the driver drives.
   * @throws {DriverError} `bad_magic`, `bad_version`, `wrong_device`, `reset_refused`.
   */
  begin(deviceId: number): void {
    this.#expect(REGISTER.magicValue, MAGIC_VALUE, "bad_magic");
    this.#expect(REGISTER.version, VERSION, "bad_version");
    this.#expect(REGISTER.deviceId, deviceId, "wrong_device");
    this.#window.write32(REGISTER.status, 0);
    this.#expect(REGISTER.status, 0, "reset_refused");
    this.#addStatus(STATUS_ACKNOWLEDGE);
    this.#addStatus(STATUS_DRIVER);
  }

  /**
   * Agrees on features: what is offered of `wanted`, and VERSION_1 without which nothing goes on.
   *
   * @throws {DriverError} `no_version_1`, `features_refused`.
   */
  negotiate(wanted: bigint): void {
    const window = this.#window;
    window.write32(REGISTER.deviceFeaturesSel, 1);
    const high = window.read32(REGISTER.deviceFeatures);
    window.write32(REGISTER.deviceFeaturesSel, 0);
    const low = window.read32(REGISTER.deviceFeatures);
    const offered = featureSet({ low, high });
    if ((offered & FEATURE_VERSION_1) === 0n) this.fail("no_version_1", REGISTER.deviceFeatures);
    this.features = offered & (wanted | FEATURE_VERSION_1);
    window.write32(REGISTER.driverFeaturesSel, 1);
    window.write32(REGISTER.driverFeatures, highWord(this.features));
    window.write32(REGISTER.driverFeaturesSel, 0);
    window.write32(REGISTER.driverFeatures, lowWord(this.features));
    this.#addStatus(STATUS_FEATURES_OK);
    if ((window.read32(REGISTER.status) & STATUS_FEATURES_OK) === 0) {
      this.fail("features_refused", REGISTER.status);
    }
  }

  /** Whether a feature was agreed on. */
  has(feature: bigint): boolean {
    return (this.features & feature) !== 0n;
  }

  /**
   * Largest size of a queue that is there and not in use.
   *
   * @throws {DriverError} `queue_absent`, `queue_busy`.
   */
  queueSizeMax(index: number): number {
    const window = this.#window;
    window.write32(REGISTER.queueSel, index);
    if (window.read32(REGISTER.queueReady) !== 0) this.fail("queue_busy", REGISTER.queueReady);
    const sizeMax = window.read32(REGISTER.queueNumMax);
    if (sizeMax === 0) this.fail("queue_absent", REGISTER.queueNumMax);
    return sizeMax;
  }

  /** Declares a queue ready. @throws {DriverError} `queue_refused`. */
  setQueue(index: number, place: QueuePlace): void {
    const window = this.#window;
    window.write32(REGISTER.queueSel, index);
    window.write32(REGISTER.queueNum, place.size);
    this.#writeAddress(REGISTER.queueDescLow, place.descriptors);
    this.#writeAddress(REGISTER.queueDriverLow, place.available);
    this.#writeAddress(REGISTER.queueDeviceLow, place.used);
    window.write32(REGISTER.queueReady, 1);
    if (window.read32(REGISTER.queueReady) !== 1) this.fail("queue_refused", REGISTER.queueReady);
  }

  /** Lets the device run. */
  finish(): void {
    this.#addStatus(STATUS_DRIVER_OK);
  }

  /** Tells the device that a queue holds new buffers. */
  notify(index: number): void {
    this.#window.write32(REGISTER.queueNotify, index);
  }

  /**
   * Reads and acknowledges why the device interrupted.
   *
   * @returns bits of {@linkcode INTERRUPT_CONFIG} and `INTERRUPT_USED`; 0 when it was not this one.
   * @throws {DriverError} `needs_reset` when the device says that it cannot go on.
   */
  takeInterrupt(): number {
    const bits = this.#window.read32(REGISTER.interruptStatus);
    if (bits !== 0) this.#window.write32(REGISTER.interruptAck, bits);
    if ((bits & INTERRUPT_CONFIG) !== 0) {
      const status = this.#window.read32(REGISTER.status);
      if ((status & STATUS_NEEDS_RESET) !== 0) {
        throw new DriverError("needs_reset", REGISTER.status);
      }
    }
    return bits;
  }

  /**
   * Reads configuration that several reads make up, again if it changed meanwhile.
   *
   * @throws {DriverError} `config_unstable` when it never stops changing.
   */
  readConfig<T>(read: (window: ConfigReader) => T): T {
    const window = this.#window;
    const config: ConfigReader = {
      u8: (offset) => window.read8(REGISTER.config + offset),
      u16: (offset) => window.read16(REGISTER.config + offset),
      u32: (offset) => window.read32(REGISTER.config + offset),
    };
    for (let count = 0; count < CONFIG_READS_MAX; count++) {
      const before = window.read32(REGISTER.configGeneration);
      const value = read(config);
      if (window.read32(REGISTER.configGeneration) === before) return value;
    }
    return this.fail("config_unstable", REGISTER.configGeneration);
  }

  /** Gives up: tells the device, and whoever called. */
  fail(code: DriverErrorCode, offset: number): never {
    this.#addStatus(STATUS_FAILED);
    throw new DriverError(code, offset);
  }

  #addStatus(bit: number): void {
    const status = this.#window.read32(REGISTER.status);
    this.#window.write32(REGISTER.status, status | bit);
  }

  #expect(register: number, value: number, code: DriverErrorCode): void {
    if (this.#window.read32(register) !== value) throw new DriverError(code, register);
  }

  #writeAddress(register: number, address: number): void {
    this.#window.write32(register, address % WORD);
    this.#window.write32(register + 4, Math.floor(address / WORD));
  }
}

/** The device's configuration, little-endian. */
export interface ConfigReader {
  u8(offset: number): number;
  u16(offset: number): number;
  u32(offset: number): number;
}

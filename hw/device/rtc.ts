/**
 * The Goldfish real-time clock: nanoseconds since the Unix epoch in two 32-bit registers.
 *
 * Source: Android Open Source Project, "Goldfish virtual hardware", RTC; QEMU hw/rtc/goldfish_rtc.c.
 *
 * @module
 */

import type { Clock } from "@runtime/core/ports.ts";
import type { IrqLine } from "../bus/irq.ts";
import type { AccessWidth, MmioDevice } from "../bus/mmio_bus.ts";

const TIME_LOW = 0x00;
const TIME_HIGH = 0x04;
const ALARM_LOW = 0x08;
const ALARM_HIGH = 0x0c;
const IRQ_ENABLED = 0x10;
const CLEAR_ALARM = 0x14;
const ALARM_STATUS = 0x18;
const CLEAR_INTERRUPT = 0x1c;

const NS_PER_MS = 1_000_000n;
const LOW = 0xffffffffn;
const MASK = (1n << 64n) - 1n;

/**
 * The clock of the wall, settable by the guest. An alarm is looked at whenever a register is
 * touched and when {@linkcode Rtc.tick} is called; the machine has no timer of its own.
 */
export class Rtc implements MmioDevice {
  readonly #clock: Clock;
  readonly #irq: IrqLine;
  #shiftNs = 0n;
  #latchedHigh = 0;
  #alarmNs = 0n;
  #alarmHigh = 0;
  #armed = false;
  #pending = false;
  #enabled = false;

  constructor(clock: Clock, irq: IrqLine) {
    this.#clock = clock;
    this.#irq = irq;
  }

  /** Fires the alarm when it is due. */
  tick(): void {
    if (!this.#armed || this.#nowNs() < this.#alarmNs) return;
    this.#armed = false;
    this.#pending = true;
    this.#update();
  }

  read(offset: number, width: AccessWidth): number {
    if (width !== 4) return 0;
    this.tick();
    switch (offset) {
      case TIME_LOW: {
        const now = this.#nowNs();
        this.#latchedHigh = Number(now >> 32n);
        return Number(now & LOW);
      }
      case TIME_HIGH:
        return this.#latchedHigh;
      case ALARM_LOW:
        return Number(this.#alarmNs & LOW);
      case ALARM_HIGH:
        return Number(this.#alarmNs >> 32n);
      case IRQ_ENABLED:
        return this.#enabled ? 1 : 0;
      case ALARM_STATUS:
        return this.#armed ? 1 : 0;
      default:
        return 0;
    }
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (width !== 4) return;
    const now = this.#nowNs();
    switch (offset) {
      case TIME_LOW:
        this.#shift(now, (now & ~LOW) | BigInt(value));
        break;
      case TIME_HIGH:
        this.#shift(now, (now & LOW) | (BigInt(value) << 32n));
        break;
      case ALARM_LOW:
        this.#alarmNs = (BigInt(this.#alarmHigh) << 32n) | BigInt(value);
        this.#armed = true;
        break;
      case ALARM_HIGH:
        this.#alarmHigh = value;
        break;
      case IRQ_ENABLED:
        this.#enabled = (value & 1) !== 0;
        this.#update();
        break;
      case CLEAR_ALARM:
        this.#armed = false;
        break;
      case CLEAR_INTERRUPT:
        this.#pending = false;
        this.#update();
    }
    this.tick();
  }

  #nowNs(): bigint {
    return (BigInt(this.#clock.unixMs()) * NS_PER_MS + this.#shiftNs) & MASK;
  }

  #shift(fromNs: bigint, toNs: bigint): void {
    this.#shiftNs += toNs - fromNs;
  }

  #update(): void {
    this.#irq(this.#pending && this.#enabled);
  }
}

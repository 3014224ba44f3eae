/**
 * An NS16550A: what polling and interrupt-driven console drivers use of it. Byte registers:
 *
 *     0 receive / transmit (divisor low)   1 interrupt enable (divisor high)   2 identification / FIFO
 *     3 line control   4 modem control   5 line status   6 modem status   7 scratch
 *
 * Source: National Semiconductor PC16550D, "Registers".
 *
 * @module
 */

import type { Console } from "@runtime/core/ports.ts";
import type { IrqLine } from "../bus/irq.ts";
import type { AccessWidth, MmioDevice } from "../bus/mmio_bus.ts";

export const UART_DATA = 0;
export const UART_INTERRUPT_ENABLE = 1;
export const UART_IDENTIFICATION = 2;
export const UART_LINE_CONTROL = 3;
export const UART_MODEM_CONTROL = 4;
export const UART_LINE_STATUS = 5;
export const UART_MODEM_STATUS = 6;
export const UART_SCRATCH = 7;

/** Line status: a byte can be read. */
export const LINE_DATA_READY = 0x01;
/** Line status: the transmitter takes a byte. It always does. */
export const LINE_TRANSMIT_EMPTY = 0x60;

/** Bytes that wait for the guest; more are lost, as on a real line. */
export const INPUT_LENGTH_MAX = 1024;
/** Bytes gathered before they go to the console without a line's end. */
export const OUTPUT_LENGTH_MAX = 1024;

const DIVISOR_ACCESS = 0x80;
const ENABLE_RECEIVE = 0x01;
const ENABLE_TRANSMIT = 0x02;
const IDENTIFY_NONE = 0x01;
const IDENTIFY_TRANSMIT = 0x02;
const IDENTIFY_RECEIVE = 0x04;
const IDENTIFY_FIFO = 0xc0;
const FIFO_ENABLE = 0x01;
/** Clear to send, data set ready, carrier. */
const MODEM_READY = 0xb0;
const LINE_FEED = 0x0a;

/** What a UART is built from. */
export interface UartParts {
  readonly console: Console;
  readonly irq: IrqLine;
  /** Runs work in a later turn: it flushes what has no line's end. */
  readonly later: (work: () => void) => void;
}

/** The machine's console. Output reaches the host a line at a time. */
export class Uart implements MmioDevice {
  readonly #parts: UartParts;
  readonly #output = new Uint8Array(OUTPUT_LENGTH_MAX);
  readonly #input: number[] = [];
  #outputLength = 0;
  #flushPending = false;
  #interruptEnable = 0;
  #fifo = 0;
  #lineControl = 0;
  #modemControl = 0;
  #scratch = 0;
  #divisor = 0;
  /** The transmitter ran empty and the driver has not been told yet. */
  #transmitIdle = false;
  /** Input bytes that found no room. */
  overruns = 0;

  constructor(parts: UartParts) {
    this.#parts = parts;
  }

  /** Bytes typed at the console. Those beyond {@linkcode INPUT_LENGTH_MAX} are lost and counted. */
  receive(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (this.#input.length < INPUT_LENGTH_MAX) this.#input.push(byte);
      else this.overruns++;
    }
    this.#update();
  }

  read(offset: number, width: AccessWidth): number {
    if (width !== 1) return 0;
    switch (offset) {
      case UART_DATA:
        return this.#divisorAccess ? this.#divisor & 0xff : this.#take();
      case UART_INTERRUPT_ENABLE:
        return this.#divisorAccess ? this.#divisor >>> 8 : this.#interruptEnable;
      case UART_IDENTIFICATION:
        return this.#identify();
      case UART_LINE_CONTROL:
        return this.#lineControl;
      case UART_MODEM_CONTROL:
        return this.#modemControl;
      case UART_LINE_STATUS:
        return LINE_TRANSMIT_EMPTY | (this.#input.length > 0 ? LINE_DATA_READY : 0);
      case UART_MODEM_STATUS:
        return MODEM_READY;
      case UART_SCRATCH:
        return this.#scratch;
      default:
        return 0;
    }
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (width !== 1) return;
    switch (offset) {
      case UART_DATA:
        return this.#divisorAccess ? this.#setDivisor(value, 0xff00) : this.#transmit(value);
      case UART_INTERRUPT_ENABLE:
        if (this.#divisorAccess) return this.#setDivisor(value << 8, 0x00ff);
        this.#interruptEnable = value & 0x0f;
        this.#transmitIdle = (value & ENABLE_TRANSMIT) !== 0;
        return this.#update();
      case UART_IDENTIFICATION:
        this.#fifo = value & FIFO_ENABLE;
        return;
      case UART_LINE_CONTROL:
        this.#lineControl = value;
        return;
      case UART_MODEM_CONTROL:
        this.#modemControl = value & 0x1f;
        return;
      case UART_SCRATCH:
        this.#scratch = value;
        return;
    }
  }

  get #divisorAccess(): boolean {
    return (this.#lineControl & DIVISOR_ACCESS) !== 0;
  }

  #setDivisor(value: number, keep: number): void {
    this.#divisor = (this.#divisor & keep) | value;
  }

  #transmit(byte: number): void {
    this.#output[this.#outputLength++] = byte;
    if (byte === LINE_FEED || this.#outputLength === OUTPUT_LENGTH_MAX) this.#flush();
    else if (!this.#flushPending) this.#flushLater();
    if ((this.#interruptEnable & ENABLE_TRANSMIT) === 0) return;
    this.#transmitIdle = true;
    this.#update();
  }

  #flushLater(): void {
    this.#flushPending = true;
    this.#parts.later(() => {
      this.#flushPending = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#outputLength === 0) return;
    const bytes = this.#output.slice(0, this.#outputLength);
    this.#outputLength = 0;
    this.#parts.console.write(bytes);
  }

  #take(): number {
    const byte = this.#input.shift() ?? 0;
    this.#update();
    return byte;
  }

  #identify(): number {
    const fifo = this.#fifo === 0 ? 0 : IDENTIFY_FIFO;
    if (this.#receiveInterrupt) return fifo | IDENTIFY_RECEIVE;
    if (!this.#transmitInterrupt) return fifo | IDENTIFY_NONE;
    // Reading the cause is what acknowledges it.
    this.#transmitIdle = false;
    this.#update();
    return fifo | IDENTIFY_TRANSMIT;
  }

  get #receiveInterrupt(): boolean {
    return this.#input.length > 0 && (this.#interruptEnable & ENABLE_RECEIVE) !== 0;
  }

  get #transmitInterrupt(): boolean {
    return this.#transmitIdle && (this.#interruptEnable & ENABLE_TRANSMIT) !== 0;
  }

  #update(): void {
    this.#parts.irq(this.#receiveInterrupt || this.#transmitInterrupt);
  }
}

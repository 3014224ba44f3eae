/**
 * The platform-level interrupt controller of QEMU's `virt` machine.
 *
 *     priority[source]    0x000000 + 4 * source                 0 = never, 7 = highest
 *     pending bits        0x001000, read-only
 *     enable[context]     0x002000 + 0x80 * context
 *     threshold[context]  0x200000 + 0x1000 * context
 *     claim/complete      0x200004 + 0x1000 * context
 *
 * Source: RISC-V Platform-Level Interrupt Controller Specification, "Memory Map" and "Interrupt
 * Gateways". QEMU 7.2 does not sample a level again at completion; the specification does, and so
 * does this one.
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import type { InterruptController } from "@runtime/core/ports.ts";
import type { AccessWidth, MmioDevice } from "./mmio_bus.ts";

/** Sources 1..96; 0 means "none". */
export const SOURCE_COUNT = 96;
/** Hart 0 in machine mode and in supervisor mode. */
export const CONTEXT_COUNT = 2;
export const CONTEXT_MACHINE = 0;
export const CONTEXT_SUPERVISOR = 1;
export const PRIORITY_MAX = 7;

const PENDING = 0x1000;
const ENABLE = 0x2000;
const ENABLE_STRIDE = 0x80;
const CONTEXT = 0x200000;
const CONTEXT_STRIDE = 0x1000;
const CLAIM = 4;
/** 32-bit words that hold a bit for each source and for 0. */
const WORDS = (SOURCE_COUNT + 32) >>> 5;
/** Bits that exist in each word: source 0 does not. */
const SOURCE_MASK = [0xfffffffe, 0xffffffff, 0xffffffff, 0x00000001] as const;

interface Context {
  readonly enabled: Uint32Array;
  threshold: number;
  raised: boolean;
  trap: (() => void) | undefined;
}

/** Raises and lowers one source's line. */
export type IrqLine = (high: boolean) => void;

/** The controller: registers on the bus, lines from the devices, traps to the hart or the kernel. */
export class Plic implements MmioDevice {
  readonly #priority = new Uint8Array(SOURCE_COUNT + 1);
  readonly #level = new Uint32Array(WORDS);
  readonly #pending = new Uint32Array(WORDS);
  /** Sources between claim and completion: their gateway is closed. */
  readonly #claimed = new Uint32Array(WORDS);
  readonly #contexts: readonly Context[] = Array.from({ length: CONTEXT_COUNT }, () => ({
    enabled: new Uint32Array(WORDS),
    threshold: 0,
    raised: false,
    trap: undefined,
  }));
  /** Accesses that are not 32 bits wide, or reach no register. */
  refused = 0;

  /** The line of one source, for its device. */
  line(source: number): IrqLine {
    assert(source >= 1 && source <= SOURCE_COUNT, "an interrupt source exists");
    return (high) => this.#setLine(source, high);
  }

  /** One context as the kernel's trap handler sees it. */
  controller(contextIndex: number): InterruptController {
    const context = this.#contexts[contextIndex];
    assert(context !== undefined, "an interrupt context exists");
    return {
      enable: (source) => {
        assert(source >= 1 && source <= SOURCE_COUNT, "an interrupt source exists");
        if (this.#priority[source] === 0) this.#priority[source] = 1;
        setBit(context.enabled, source);
        this.#update();
      },
      claim: () => this.#claim(context),
      complete: (source) => this.#complete(context, source),
      onPending: (trap) => {
        context.trap = trap;
        if (context.raised) trap();
      },
    };
  }

  read(offset: number, width: AccessWidth): number {
    if (width !== 4) return this.#refuse();
    if (offset >= CONTEXT) return this.#readContext(offset - CONTEXT);
    if (offset >= ENABLE) {
      const context = this.#contexts[Math.floor((offset - ENABLE) / ENABLE_STRIDE)];
      const word = ((offset - ENABLE) % ENABLE_STRIDE) >>> 2;
      return context?.enabled[word] ?? this.#refuse();
    }
    if (offset >= PENDING) return this.#pending[(offset - PENDING) >>> 2] ?? this.#refuse();
    return this.#priority[offset >>> 2] ?? this.#refuse();
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (width !== 4) return void this.#refuse();
    if (offset >= CONTEXT) return this.#writeContext(offset - CONTEXT, value);
    if (offset >= ENABLE) return this.#writeEnable(offset - ENABLE, value);
    const source = offset >>> 2;
    if (source < 1 || source > SOURCE_COUNT) return void this.#refuse();
    this.#priority[source] = value & PRIORITY_MAX;
    this.#update();
  }

  #readContext(offset: number): number {
    const context = this.#contexts[Math.floor(offset / CONTEXT_STRIDE)];
    const register = offset % CONTEXT_STRIDE;
    if (context === undefined) return this.#refuse();
    if (register === 0) return context.threshold;
    return register === CLAIM ? this.#claim(context) : this.#refuse();
  }

  #writeContext(offset: number, value: number): void {
    const context = this.#contexts[Math.floor(offset / CONTEXT_STRIDE)];
    const register = offset % CONTEXT_STRIDE;
    if (context === undefined || register > CLAIM) return void this.#refuse();
    if (register === CLAIM) return this.#complete(context, value);
    context.threshold = value & PRIORITY_MAX;
    this.#update();
  }

  #writeEnable(offset: number, value: number): void {
    const context = this.#contexts[Math.floor(offset / ENABLE_STRIDE)];
    const word = (offset % ENABLE_STRIDE) >>> 2;
    const mask = SOURCE_MASK[word];
    if (context === undefined || mask === undefined) return void this.#refuse();
    context.enabled[word] = value & mask;
    this.#update();
  }

  #setLine(source: number, high: boolean): void {
    if (!high) return clearBit(this.#level, source);
    setBit(this.#level, source);
    if (hasBit(this.#claimed, source)) return;
    setBit(this.#pending, source);
    this.#update();
  }

  #claim(context: Context): number {
    const source = this.#best(context);
    if (source === 0) return 0;
    clearBit(this.#pending, source);
    setBit(this.#claimed, source);
    this.#update();
    return source;
  }

  #complete(context: Context, source: number): void {
    // The specification: a completion for a source that is not enabled for this target is ignored.
    if (source < 1 || source > SOURCE_COUNT || !hasBit(context.enabled, source)) return;
    clearBit(this.#claimed, source);
    if (hasBit(this.#level, source)) setBit(this.#pending, source);
    this.#update();
  }

  /** Highest priority above the threshold; the lowest id among equals; 0 when there is none. */
  #best(context: Context): number {
    let best = 0;
    let bestPriority = context.threshold;
    for (let word = 0; word < WORDS; word++) {
      let bits = ((this.#pending[word] ?? 0) & (context.enabled[word] ?? 0)) >>> 0;
      while (bits !== 0) {
        const source = word * 32 + 31 - Math.clz32(bits & -bits);
        bits = (bits & (bits - 1)) >>> 0;
        const priority = this.#priority[source] ?? 0;
        if (priority > bestPriority) {
          best = source;
          bestPriority = priority;
        }
      }
    }
    return best;
  }

  #update(): void {
    for (const context of this.#contexts) {
      const raised = this.#best(context) !== 0;
      const rising = raised && !context.raised;
      context.raised = raised;
      if (rising) context.trap?.();
    }
  }

  #refuse(): number {
    this.refused++;
    return 0;
  }
}

function setBit(words: Uint32Array, bit: number): void {
  words[bit >>> 5] = (words[bit >>> 5] ?? 0) | (1 << (bit & 31));
}

function clearBit(words: Uint32Array, bit: number): void {
  words[bit >>> 5] = (words[bit >>> 5] ?? 0) & ~(1 << (bit & 31));
}

function hasBit(words: Uint32Array, bit: number): boolean {
  return ((words[bit >>> 5] ?? 0) >>> (bit & 31) & 1) === 1;
}

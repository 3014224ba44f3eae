import type { AccessWidth, MmioDevice } from "../bus/mmio_bus.ts";

/** How the guest ended the machine. */
export type MachineEnd =
  | { readonly kind: "pass" }
  | { readonly kind: "fail"; readonly code: number }
  | { readonly kind: "reset" };

const PASS = 0x5555;
const FAIL = 0x3333;
const RESET = 0x7777;

/**
 * The test finisher, also the machine's power switch: a write of 0x5555 to offset 0 ends the
 * machine well, 0x3333 with the code in bits 16..31, 0x7777 starts it again. Reads give 0.
 *
 * Source: SiFive test device; QEMU hw/misc/sifive_test.c.
 */
export class Finisher implements MmioDevice {
  readonly #end: (end: MachineEnd) => void;

  constructor(end: (end: MachineEnd) => void) {
    this.#end = end;
  }

  read(): number {
    return 0;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (offset !== 0 || width === 1) return;
    const word = value & 0xffff;
    if (word === PASS) this.#end({ kind: "pass" });
    if (word === FAIL) this.#end({ kind: "fail", code: value >>> 16 });
    if (word === RESET) this.#end({ kind: "reset" });
  }
}

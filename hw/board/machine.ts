import { assert } from "@runtime/core/assert.ts";
import type {
  Clock,
  Console,
  Disk,
  EntropySource,
  Link,
  MachineDevice,
  MachinePorts,
} from "@runtime/core/ports.ts";
import { CONTEXT_SUPERVISOR, Plic } from "../bus/irq.ts";
import { GuestMemory, RamRegion } from "../bus/memory.ts";
import { MmioBus, type MmioMapping } from "../bus/mmio_bus.ts";
import { VirtioBlk } from "../device/blk.ts";
import { EMPTY_SLOT } from "../device/empty_slot.ts";
import { Finisher, type MachineEnd } from "../device/finisher.ts";
import { VirtioNet } from "../device/net.ts";
import { VirtioRng } from "../device/rng.ts";
import { Rtc } from "../device/rtc.ts";
import { VirtioMmio } from "../device/transport.ts";
import { Uart, UART_DATA } from "../device/uart.ts";
import { REGISTER } from "../virtio/registers.ts";
import type { VirtioDevice } from "../device/virtio_device.ts";
import {
  BLK_REGION_BASE,
  BLK_REGION_LENGTH,
  BLK_SLOT,
  FINISHER,
  NET_REGION_BASE,
  NET_SLOT,
  netRegionLength,
  type Place,
  PLIC,
  RNG_REGION_BASE,
  RNG_REGION_LENGTH,
  RNG_SLOT,
  RTC,
  UART,
  VIRTIO_SLOT_COUNT,
  virtioSlot,
} from "./virt.ts";

/** The address of a machine's card unless it is given one. */
export const MAC_DEFAULT: readonly number[] = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

/** What a machine is built from. */
export interface MachineParts {
  readonly entropy: EntropySource;
  /** What the network card is plugged into; without it there is no card. */
  readonly link?: Link | undefined;
  /** The card's address, six bytes. */
  readonly mac?: Uint8Array | undefined;
  /** What the block device stands for; without it there is no block device. */
  readonly disk?: Disk | undefined;
  readonly console: Console;
  readonly clock: Clock;
  /** Runs work in a later turn of the host's event loop. */
  readonly later: (work: () => void) => void;
  /** The guest wrote to the test finisher. */
  readonly ended?: ((end: MachineEnd) => void) | undefined;
}

/** A machine, powered on. */
export interface Machine extends MachinePorts {
  /** Every register of the machine, as a hart reaches it. */
  readonly bus: MmioBus;
  /** The console's input side. */
  readonly serial: Uart;
  /** Device name to its transport, for counters and tests. */
  readonly transports: ReadonlyMap<string, VirtioMmio>;
  /** The network card, when there is one. */
  readonly net: VirtioNet | undefined;
  /** The block device, when there is one. */
  readonly blk: VirtioBlk | undefined;
}

/** A virtio device and where it goes. */
interface Card {
  readonly name: string;
  readonly slot: number;
  readonly device: VirtioDevice;
  readonly region: RamRegion;
}

/**
 * Builds QEMU's `virt` machine without a hart: the kernel takes the hart's place and is handed
 * windows, regions and the interrupt controller's supervisor context.
 *
 * Each virtio device reaches one RAM region and no other memory, whatever its driver asks it to do.
 */
export function createMachine(parts: MachineParts): Machine {
  const plic = new Plic();
  const uart = new Uart({
    console: parts.console,
    irq: plic.line(UART.irq),
    later: parts.later,
  });
  const net = parts.link && new VirtioNet(parts.link, parts.mac ?? Uint8Array.from(MAC_DEFAULT));
  const blk = parts.disk && new VirtioBlk(parts.disk);
  const cards = [...placeCards(parts, net), ...placeDisk(blk)];
  const transports = new Map<string, VirtioMmio>();
  for (const { name, slot, device, region } of cards) {
    const memory = new GuestMemory([region]);
    const irq = plic.line(virtioSlot(slot).irq);
    transports.set(name, new VirtioMmio({ device, memory, irq, later: parts.later }));
  }
  const bus = new MmioBus([
    mapping("finisher", FINISHER, new Finisher(parts.ended ?? (() => {}))),
    mapping("rtc", RTC, new Rtc(parts.clock, plic.line(RTC.irq))),
    mapping("plic", PLIC, plic),
    mapping("uart", UART, uart),
    ...slotMappings(cards, transports),
  ]);
  return {
    bus,
    devices: cards.map((card) => machineDevice(bus, card)),
    interrupts: plic.controller(CONTEXT_SUPERVISOR),
    uart: uartConsole(bus),
    serial: uart,
    transports,
    net,
    blk,
  };
}

function placeCards(parts: MachineParts, net: VirtioNet | undefined): readonly Card[] {
  const rng: Card = {
    name: "virtio-rng",
    slot: RNG_SLOT,
    device: new VirtioRng(parts.entropy),
    region: new RamRegion(RNG_REGION_BASE, RNG_REGION_LENGTH),
  };
  if (parts.link === undefined || net === undefined) return [rng];
  const region = new RamRegion(NET_REGION_BASE, netRegionLength(parts.link.mtu));
  return [rng, { name: "virtio-net", slot: NET_SLOT, device: net, region }];
}

function placeDisk(blk: VirtioBlk | undefined): readonly Card[] {
  if (blk === undefined) return [];
  const region = new RamRegion(BLK_REGION_BASE, BLK_REGION_LENGTH);
  return [{ name: "virtio-blk", slot: BLK_SLOT, device: blk, region }];
}

function slotMappings(
  cards: readonly Card[],
  transports: ReadonlyMap<string, VirtioMmio>,
): readonly MmioMapping[] {
  return Array.from({ length: VIRTIO_SLOT_COUNT }, (_, slot) => {
    const name = cards.find((card) => card.slot === slot)?.name ?? `virtio-slot-${slot}`;
    return mapping(name, virtioSlot(slot), transports.get(name) ?? EMPTY_SLOT);
  });
}

function mapping(name: string, place: Place, device: MmioMapping["device"]): MmioMapping {
  return { name, base: place.base, length: place.length, device };
}

function machineDevice(bus: MmioBus, card: Card): MachineDevice {
  const { base, length, irq } = virtioSlot(card.slot);
  assert(irq > 0, "a virtio device interrupts");
  return {
    name: card.name,
    base,
    length,
    irq,
    window: bus.window(base, length),
    doorbell: REGISTER.queueNotify,
    interrupt: { status: REGISTER.interruptStatus, acknowledge: REGISTER.interruptAck },
    dma: card.region,
  };
}

/** Prints byte by byte through the transmit register, as a guest's polling driver does. */
function uartConsole(bus: MmioBus): Console {
  const window = bus.window(UART.base, UART.length);
  return {
    write(bytes) {
      for (const byte of bytes) window.write8(UART_DATA, byte);
    },
  };
}

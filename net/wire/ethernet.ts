import { putU16, u16At } from "./octets.ts";

/**
 * Ethernet II: target 6, source 6, type 2, then the payload. No tag, no frame check sequence.
 *
 * @module
 */

export const ETHERNET_HEADER_LENGTH = 14;
export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const MAC_LENGTH = 6;
export const MAC_BROADCAST: Uint8Array = new Uint8Array(MAC_LENGTH).fill(0xff);

const SOURCE = 6;
const TYPE = 12;

/** The frame's EtherType, or `undefined` when the frame is shorter than its header. */
export function ethernetType(frame: Uint8Array): number | undefined {
  return frame.length < ETHERNET_HEADER_LENGTH ? undefined : u16At(frame, TYPE);
}

/** Whether the frame's target is exactly `mac`. */
export function ethernetTargets(frame: Uint8Array, mac: Uint8Array): boolean {
  return sameMac(frame, 0, mac);
}

/** Whether the frame goes to a group: broadcast and multicast both have the lowest bit set. */
export function ethernetToGroup(frame: Uint8Array): boolean {
  return ((frame[0] ?? 0) & 1) === 1;
}

/** Whether the frame claims to come from a group, which no station may. */
export function ethernetFromGroup(frame: Uint8Array): boolean {
  return ((frame[SOURCE] ?? 0) & 1) === 1;
}

/** Writes the header at the front of `frame`. */
export function putEthernet(
  frame: Uint8Array,
  header: { readonly target: Uint8Array; readonly source: Uint8Array; readonly type: number },
): void {
  const { target, source } = header;
  for (let index = 0; index < MAC_LENGTH; index++) {
    frame[index] = target[index] ?? 0;
    frame[SOURCE + index] = source[index] ?? 0;
  }
  putU16(frame, TYPE, header.type);
}

/** Whether the six bytes at `offset` are `mac`. */
export function sameMac(frame: Uint8Array, offset: number, mac: Uint8Array): boolean {
  for (let index = 0; index < MAC_LENGTH; index++) {
    if (frame[offset + index] !== mac[index]) return false;
  }
  return true;
}

import type { HostAddress } from "@runtime/core/ports.ts";

/** Longest host of an address, in characters. Source: RFC 1035, "Size limits". */
export const HOST_LENGTH_MAX = 253;
/** Longest address text that is looked at, in characters. */
const ADDRESS_LENGTH_MAX = 512;

const PORT = /^(?:0|[1-9][0-9]{0,4})$/;
const PORT_MAX = 0xffff;
const NUMERIC = /^[0-9.]+$/;
const OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
const IPV6 = /^[0-9a-fA-F:.]{2,45}$/;

/** A peer to dial, as the command line names it. */
export interface PeerAddress {
  readonly address: HostAddress;
  /** Identity that the peer must prove: 64 lower-case hex digits. */
  readonly deviceId: string | undefined;
  /** Its Noise static key, for a peer that answers no announce: 64 lower-case hex digits. */
  readonly noiseStatic: string | undefined;
}

/** A text that is no address, with what is wrong about it. */
export class AddressError extends Error {
  override readonly name = "AddressError";
}

/**
 * Reads `HOST:PORT`: an IPv4 address, a name, or an IPv6 address in brackets.
 *
 * @param portMin 1 where a port must be named, 0 where the host may choose one.
 * @throws {AddressError} for anything else.
 */
export function parseHostPort(text: string, portMin: 0 | 1): HostAddress {
  if (text.length > ADDRESS_LENGTH_MAX) throw new AddressError("it is too long");
  const colon = text.lastIndexOf(":");
  if (colon < 1) throw new AddressError("it is not HOST:PORT");
  return { host: parseHost(text.slice(0, colon)), port: parsePort(text.slice(colon + 1), portMin) };
}

/** Whether a host that `parseHostPort` read is an address and no name. */
export function isAddress(host: string): boolean {
  return host.includes(":") || NUMERIC.test(host);
}

/** An address as `parseHostPort` reads it. */
export function hostPortText({ host, port }: HostAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** @throws {AddressError} unless it is a decimal number in range, without a leading zero. */
export function parsePort(text: string, portMin: 0 | 1): number {
  const port = PORT.test(text) ? Number(text) : -1;
  if (port < portMin || port > PORT_MAX) {
    throw new AddressError(`the port is not a number from ${portMin} to ${PORT_MAX}`);
  }
  return port;
}

/**
 * Reads a peer: `HOST:PORT`, `nx://DEVICE_ID@HOST:PORT`, or the latter with `?static=HEX`.
 *
 * @throws {AddressError} for anything else.
 */
export function parsePeer(text: string): PeerAddress {
  if (text.length > ADDRESS_LENGTH_MAX) throw new AddressError("it is too long");
  const pinned = text.startsWith("nx://");
  if (!pinned && text.includes("@")) throw new AddressError("a device id stands behind nx://");
  const { deviceId, place, query } = pinned
    ? pinnedParts(text.slice("nx://".length))
    : { deviceId: undefined, place: text, query: undefined };
  const address = parseHostPort(place, 1);
  const noiseStatic = query === undefined ? undefined : staticOf(query);
  return { address, deviceId, noiseStatic };
}

function pinnedParts(text: string) {
  const at = text.indexOf("@");
  const deviceId = hexOf(at < 0 ? "" : text.slice(0, at), "the device id");
  const [place = "", query, ...more] = text.slice(at + 1).split("?");
  if (more.length > 0) throw new AddressError("it holds a second ?");
  return { deviceId, place, query };
}

function staticOf(query: string): string {
  const [name, value = "", ...more] = query.split("=");
  if (name !== "static" || more.length > 0) {
    throw new AddressError("behind ? stands static=HEX and nothing else");
  }
  return hexOf(value, "the static key");
}

function hexOf(text: string, what: string): string {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new AddressError(`${what} is not 64 hex digits`);
  return text.toLowerCase();
}

function parseHost(text: string): string {
  if (text.startsWith("[") && text.endsWith("]")) {
    const inside = text.slice(1, -1);
    if (!IPV6.test(inside) || !inside.includes(":")) {
      throw new AddressError("it is no IPv6 address");
    }
    return inside.toLowerCase();
  }
  if (NUMERIC.test(text)) return parseDotted(text);
  const labels = text.split(".");
  const named = text.length <= HOST_LENGTH_MAX && labels.every((label) => LABEL.test(label));
  if (!named) throw new AddressError("the host is neither an address nor a name");
  return text.toLowerCase();
}

/** Forms such as `127.1` or `010.0.0.1` mean different things to different programs: refused. */
function parseDotted(text: string): string {
  const octets = text.split(".");
  const whole = octets.length === 4 &&
    octets.every((octet) => OCTET.test(octet) && Number(octet) <= 0xff);
  if (!whole) throw new AddressError("the host is not an IPv4 address of four numbers");
  return text;
}

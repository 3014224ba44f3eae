import { parseIpv4, unicast } from "@net/wire/ipv4.ts";

/** How the interface is addressed. Addresses as numbers, the first octet highest. */
export interface NetworkConfig {
  readonly address: number;
  /** In bits, 1..30. */
  readonly prefixLength: number;
  readonly router: number;
  /** Most bytes of an IP packet; the card's own bound unless given. */
  readonly mtu: number | undefined;
}

/** Where a guest of the `user` back end stands. Source: QEMU, "User mode network backend". */
export const DEFAULT_ADDRESS = "10.0.2.15/24";
export const DEFAULT_ROUTER = "10.0.2.2";

/** Smallest MTU that every IPv4 host takes. Source: RFC 791, "Header Format". */
export const MTU_CONFIG_MIN = 576;
export const MTU_CONFIG_MAX = 65_535;

/** A command line that cannot be used: which option, never its value. */
export class NetworkConfigError extends Error {
  override readonly name = "NetworkConfigError";
  readonly option: "address" | "router" | "mtu";

  constructor(option: NetworkConfigError["option"]) {
    super(`Cannot use network option ${option}`);
    this.option = option;
  }
}

/**
 * Reads `address` (`10.0.2.15/24`), `router` (`10.0.2.2`) and `mtu` of the command line.
 *
 * @throws {NetworkConfigError} for a value that does not parse or cannot be an interface's.
 */
export function networkConfig(args: Readonly<Record<string, string>>): NetworkConfig {
  const { address: text = DEFAULT_ADDRESS, router: routerText = DEFAULT_ROUTER } = args;
  const [addressText = "", prefixText = "", ...rest] = text.split("/");
  const address = parseIpv4(addressText);
  const prefixLength = decimal(prefixText);
  const wrong = address === undefined || !unicast(address) || rest.length > 0 ||
    prefixLength === undefined || prefixLength < 1 || prefixLength > 30;
  if (wrong) throw new NetworkConfigError("address");
  const router = parseIpv4(routerText);
  if (router === undefined || !unicast(router)) throw new NetworkConfigError("router");
  return { address, prefixLength, router, mtu: mtuOf(args["mtu"]) };
}

function mtuOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const mtu = decimal(text);
  if (mtu === undefined || mtu < MTU_CONFIG_MIN || mtu > MTU_CONFIG_MAX) {
    throw new NetworkConfigError("mtu");
  }
  return mtu;
}

function decimal(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) ? Number(text) : undefined;
}

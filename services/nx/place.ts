import { HostSocketFailure, type HostSockets } from "@runtime/core/ports.ts";
import type { PeerAddress } from "./address.ts";

/** Where places are asked for. */
export interface PlacePorts {
  readonly sockets: Pick<HostSockets, "lookup">;
  readonly gateway: { guestAddressOf(hostAddress: string): number | undefined };
}

/**
 * Where the machine sees a peer, as the u32 of an IPv4 address: the host's loopback is 10.0.2.2 to
 * it. `undefined` while its name leads nowhere.
 *
 * @throws {HostSocketFailure} for an address that cannot be dialled from here.
 */
export async function placeOfPeer(
  { address }: PeerAddress,
  { sockets, gateway }: PlacePorts,
): Promise<number | undefined> {
  const [host] = await sockets.lookup(address.host);
  if (host === undefined) return undefined;
  const guest = gateway.guestAddressOf(host);
  if (guest === undefined) throw new HostSocketFailure("address_not_available", address);
  return guest;
}

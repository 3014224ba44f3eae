/** What a gateway has counted since it was made, in items. */
export interface GatewayCounters {
  /** Connections of the guest that the host opened. */
  outwardOpened: number;
  /** Connections of the guest that were refused: by the far end, a timeout or the host. */
  outwardRefused: number;
  /** Connections of the guest to addresses that lead nowhere. */
  outwardUnroutable: number;
  /** Forwarded connections that the guest accepted. */
  inwardOpened: number;
  /** Forwarded connections that the guest did not take. */
  inwardRefused: number;
  /** Connections in either direction refused because a limit was reached. */
  limited: number;
  udpToHost: number;
  udpToGuest: number;
  /** Datagrams lost: no route, no socket, too large, or from a stranger. */
  udpDropped: number;
  /** UDP mappings that ended because they were idle, or the oldest of too many. */
  udpExpired: number;
  udpEvicted: number;
  /** Mapped addresses that left for a newer one. */
  addressesEvicted: number;
}

export function gatewayCounters(): GatewayCounters {
  return {
    outwardOpened: 0,
    outwardRefused: 0,
    outwardUnroutable: 0,
    inwardOpened: 0,
    inwardRefused: 0,
    limited: 0,
    udpToHost: 0,
    udpToGuest: 0,
    udpDropped: 0,
    udpExpired: 0,
    udpEvicted: 0,
    addressesEvicted: 0,
  };
}

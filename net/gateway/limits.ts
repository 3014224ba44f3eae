/** Bounds of one gateway. Counts in items, times in milliseconds. */
export interface GatewayLimits {
  /** TCP connections between the guest and the host, in both directions together. */
  readonly tcpFlows: number;
  /** Host connections under way for a SYN of the guest; one more is refused. */
  readonly connecting: number;
  /** How long the host may take to connect before the guest's SYN is refused. */
  readonly connectTimeoutMs: number;
  /** Forwarded connections whose handshake with the guest is under way; the next ones wait. */
  readonly forwardHandshakes: number;
  /** Forwarded connections that wait for their handshake; one more is reset. */
  readonly forwardsWaiting: number;
  /** Ports of the host that lead to the guest. */
  readonly forwards: number;
  /** Host UDP sockets; one more replaces the one that was idle longest. */
  readonly udpMappings: number;
  /** Addresses that may answer one UDP port of the guest; one more replaces the oldest. */
  readonly udpPeers: number;
  /** Datagrams that wait while a host UDP socket opens; more are dropped. */
  readonly udpWaiting: number;
  /** A UDP mapping without traffic ends after this long. */
  readonly udpIdleMs: number;
  /** Host addresses that stand in the guest's network under another one. */
  readonly mappedAddresses: number;
  /** Of those, how many may be kept because the node dials them. */
  readonly pinnedAddresses: number;
}

/** The host's sockets together stay below 1024 descriptors, the least that hosts usually allow. */
export const GATEWAY_LIMITS: GatewayLimits = {
  tcpFlows: 896,
  connecting: 256,
  connectTimeoutMs: 20_000,
  forwardHandshakes: 64,
  forwardsWaiting: 640,
  forwards: 16,
  udpMappings: 64,
  udpPeers: 64,
  udpWaiting: 8,
  udpIdleMs: 60_000,
  mappedAddresses: 1024,
  pinnedAddresses: 256,
};

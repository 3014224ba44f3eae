/**
 * Lines of upstream's that would claim what this node does not have. Any of them turns a ladder red.
 *
 * Source: open-nexus-OS, proof manifest, and session-wire appendix B.
 */
export const FORBIDDEN: readonly RegExp[] = [
  /^net: smoltcp /,
  /^net: dhcp /,
  /quic/i,
  /dual-node/,
  /^dsoftbusd: transport selected /,
  /^dsoftbusd: os transport up \(udp\+tcp\)$/,
  /^dsoftbusd: discovery (up|announce sent|peer found|cross-vm)/,
  /^dsoftbus:mux /,
  /^SELFTEST: mux /,
  /^SELFTEST: net udp dns ok$/,
  /^KSELFTEST: /,
  / FAIL$/,
];

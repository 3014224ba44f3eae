/** What a stack has counted since it was made. Items, unless the name says bytes. */
export interface StackCounters {
  framesReceived: number;
  framesSent: number;
  /** Frames for other stations, of other types, or from a group address. */
  framesIgnored: number;
  /** Packets with a wrong length, version, option or port. */
  malformed: number;
  badChecksums: number;
  /** Pieces of fragmented packets: never put together. */
  fragments: number;
  /** Packets to addresses that are not the stack's, or from impossible ones. */
  notForUs: number;
  arpReceived: number;
  arpSent: number;
  arpFailures: number;
  /** Packets lost because a queue was full or a neighbour did not answer. */
  packetsDropped: number;
  icmpReceived: number;
  echoReplies: number;
  udpReceived: number;
  udpSent: number;
  /** Datagrams to a port that nobody has, or lost in a full queue. */
  udpDropped: number;
  tcpReceived: number;
  tcpSent: number;
  tcpRetransmits: number;
  tcpTimeouts: number;
  tcpFastRetransmits: number;
  /** Segments outside the window, old or repeated. */
  tcpUnacceptable: number;
  tcpChallengeAcks: number;
  tcpResetsSent: number;
  tcpResetsReceived: number;
  /** SYNs dropped, and half-open connections replaced, because a bound was reached. */
  tcpSynsDropped: number;
  /** TIME-WAIT entries that left early because their bound was reached. */
  tcpTimeWaitsEvicted: number;
  tcpZeroWindowProbes: number;
}

export function stackCounters(): StackCounters {
  return {
    framesReceived: 0,
    framesSent: 0,
    framesIgnored: 0,
    malformed: 0,
    badChecksums: 0,
    fragments: 0,
    notForUs: 0,
    arpReceived: 0,
    arpSent: 0,
    arpFailures: 0,
    packetsDropped: 0,
    icmpReceived: 0,
    echoReplies: 0,
    udpReceived: 0,
    udpSent: 0,
    udpDropped: 0,
    tcpReceived: 0,
    tcpSent: 0,
    tcpRetransmits: 0,
    tcpTimeouts: 0,
    tcpFastRetransmits: 0,
    tcpUnacceptable: 0,
    tcpChallengeAcks: 0,
    tcpResetsSent: 0,
    tcpResetsReceived: 0,
    tcpSynsDropped: 0,
    tcpTimeWaitsEvicted: 0,
    tcpZeroWindowProbes: 0,
  };
}

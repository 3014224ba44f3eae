import { IPV4_HEADER_LENGTH, PROTOCOL_TCP } from "../wire/ipv4.ts";
import {
  putTcp,
  sealTcp,
  TCP_ACK,
  TCP_FIN,
  TCP_HEADER_LENGTH,
  TCP_RST,
  TCP_SYN,
  type TcpFields,
} from "../wire/tcp.ts";
import type { Endpoint } from "./interface.ts";
import type { Network } from "./network.ts";
import { advanced } from "./sequence.ts";

/** What a segment without data says. Sequence numbers as in `sequence.ts`. */
export interface BareSegment {
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  /** The field as sent; 0 unless given. */
  readonly window?: number;
}

/**
 * The RST that answers a segment no connection wants; `undefined` for an RST, which has none.
 *
 * Source: RFC 9293, "Reset Generation".
 */
export function resetFor(segment: Readonly<TcpFields>): BareSegment | undefined {
  const { flags, sequence, acknowledgement, payloadStart, payloadEnd } = segment;
  if ((flags & TCP_RST) !== 0) return undefined;
  if ((flags & TCP_ACK) !== 0) {
    return { sequence: acknowledgement, acknowledgement: 0, flags: TCP_RST };
  }
  const length = payloadEnd - payloadStart + ((flags & TCP_SYN) !== 0 ? 1 : 0) +
    ((flags & TCP_FIN) !== 0 ? 1 : 0);
  return { sequence: 0, acknowledgement: advanced(sequence, length), flags: TCP_RST | TCP_ACK };
}

/**
 * Queues a segment that no connection sends: an RST, or an ACK of TIME-WAIT. Returns whether there was
 * a way and room for it.
 */
export function queueBare(
  network: Network,
  ends: { readonly local: Endpoint; readonly remote: Endpoint },
  segment: BareSegment,
): boolean {
  const { address: source, port: sourcePort } = ends.local;
  const { address: target, port: targetPort } = ends.remote;
  const length = TCP_HEADER_LENGTH;
  const packet = network.queue({ source, target, protocol: PROTOCOL_TCP, length });
  if (typeof packet === "string") return false;
  const { sequence, acknowledgement, flags, window = 0 } = segment;
  putTcp(packet, IPV4_HEADER_LENGTH, {
    sourcePort,
    targetPort,
    sequence,
    acknowledgement,
    flags,
    window,
    optionsLength: 0,
  });
  sealTcp(packet, IPV4_HEADER_LENGTH, { source, target, length });
  return true;
}

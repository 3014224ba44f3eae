import { formatIpv4 } from "@net/wire/ipv4.ts";

/** Where a peer is. */
export interface Place {
  /** IPv4 address as u32, as the machine sees it. */
  readonly address: number;
  readonly port: number;
  /** The same as somebody typed it; nobody did for a peer that came by itself. */
  readonly typed?: string | undefined;
}

/** A place as people know it. */
export function placeText({ address, port, typed }: Place): string {
  return typed ?? `${formatIpv4(address)}:${port}`;
}

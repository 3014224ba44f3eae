import { hostPortText } from "./address.ts";
import { dotted } from "./output.ts";
import type { NodeOptions, PeerAddress } from "./ports.ts";

/** Command line of each daemon, by its name. */
export type BootArguments = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * What the daemons are told at their start.
 *
 * @param places IPv4 addresses, as u32, of `options.peers` as the machine sees them; who has none is
 *   not dialled before its name leads somewhere.
 * @param port Port that the announce names unless the options name one; 0 while nobody can connect.
 */
export function bootArguments(
  options: NodeOptions,
  { daemons, places, port }: {
    readonly daemons: readonly string[];
    readonly places: readonly (number | undefined)[];
    readonly port: number;
  },
): BootArguments {
  const { advertise = port, perAddress, selftest } = options;
  const dials = options.peers.flatMap((peer, index) => {
    const place = places[index];
    return place === undefined ? [] : [{ place: `${dotted(place)}:${peer.address.port}`, peer }];
  });
  const unresolved = options.peers.filter((_, index) => places[index] === undefined);
  return {
    dsoftbusd: {
      advertise: `${advertise}`,
      peers: dials.map(dialText).join(" "),
      unresolved: unresolved.map((peer) => [hostPortText(peer.address), ...pinsOf(peer)].join(","))
        .join(" "),
      ...(perAddress === undefined ? {} : { perAddress: `${perAddress}` }),
    },
    "selftest-client": {
      mode: selftest ? "full" : "none",
      daemons: daemons.join(" "),
      peer: dials[0]?.place ?? "",
    },
  };
}

function dialText(
  { place, peer }: { readonly place: string; readonly peer: PeerAddress },
): string {
  return [place, ...pinsOf(peer), hostPortText(peer.address)].join(",");
}

function pinsOf({ deviceId = "", noiseStatic = "" }: PeerAddress): readonly string[] {
  return [deviceId, noiseStatic];
}

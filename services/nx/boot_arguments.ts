import type { NodeOptions, PeerAddress } from "./ports.ts";

/** Command line of each daemon, by its name. */
export type BootArguments = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * What the daemons are told at their start.
 *
 * @param peers Peers as the machine sees them: `ADDRESS:PORT`, in the order of `options.peers`.
 * @param port Port that the announce names.
 */
export function bootArguments(
  options: NodeOptions,
  { daemons, peers, port }: {
    readonly daemons: readonly string[];
    readonly peers: readonly string[];
    readonly port: number;
  },
): BootArguments {
  const { perAddress, selftest } = options;
  const dials = options.peers.map((peer, index) => dialText(peers[index] ?? "", peer));
  return {
    dsoftbusd: {
      advertise: `${port}`,
      peers: dials.join(" "),
      ...(perAddress === undefined ? {} : { perAddress: `${perAddress}` }),
    },
    "selftest-client": {
      mode: selftest ? "full" : "none",
      daemons: daemons.join(" "),
      peer: peers[0] ?? "",
    },
  };
}

function dialText(place: string, { deviceId, noiseStatic }: PeerAddress): string {
  return [place, deviceId ?? "", noiseStatic ?? ""].join(",");
}

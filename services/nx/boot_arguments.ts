import { toHex } from "@runtime/core/hex.ts";
import { hostPortText } from "./address.ts";
import { dotted } from "./output.ts";
import type { NodeOptions, PeerAddress } from "./ports.ts";

/** Of 32 bits each: the id of a boot has 16 bytes. */
const BOOT_ID_WORDS = 4;

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
  { daemons, places, port, random32 }: {
    readonly daemons: readonly string[];
    readonly places: readonly (number | undefined)[];
    readonly port: number;
    /** Draws what tells this boot from others in the kept log. */
    readonly random32: () => number;
  },
): BootArguments {
  const { advertise = port, perAddress, selftest } = options;
  const dials = options.peers.flatMap((peer, index) => {
    const place = places[index];
    return place === undefined ? [] : [{ place: `${dotted(place)}:${peer.address.port}`, peer }];
  });
  const unresolved = options.peers.filter((_, index) => places[index] === undefined);
  return {
    statefsd: {
      persists: options.state?.persists === true ? "yes" : "no",
      bootId: hexOf(random32, BOOT_ID_WORDS),
      ...(options.state?.imageId === undefined ? {} : { imageId: toHex(options.state.imageId) }),
      sequenceMin: `${options.state?.sequenceMin ?? 0n}`,
      ...deviceOf(options),
    },
    keystored: {
      profile: options.profile,
      seeded: options.seed === undefined ? "no" : "yes",
      ...deviceOf(options),
    },
    dsoftbusd: {
      advertise: `${advertise}`,
      peers: dials.map(dialText).join(" "),
      unresolved: unresolved.map((peer) => [hostPortText(peer.address), ...pinsOf(peer)].join(","))
        .join(" "),
      ...(perAddress === undefined ? {} : { perAddress: `${perAddress}` }),
    },
    "selftest-client": {
      mode: selftest === "seed" ? selftest : selftest ? "full" : "none",
      daemons: daemons.join(" "),
      peer: dials[0]?.place ?? "",
    },
  };
}

/** The device that the state is known to be of. */
function deviceOf({ state }: NodeOptions): { readonly deviceId?: string } {
  return state?.deviceId === undefined ? {} : { deviceId: state.deviceId };
}

function dialText(
  { place, peer }: { readonly place: string; readonly peer: PeerAddress },
): string {
  return [place, ...pinsOf(peer), hostPortText(peer.address)].join(",");
}

function pinsOf({ deviceId = "", noiseStatic = "" }: PeerAddress): readonly string[] {
  return [deviceId, noiseStatic];
}

function hexOf(random32: () => number, words: number): string {
  return Array.from({ length: words }, () => random32().toString(16).padStart(8, "0")).join("");
}

import { parseIpv4 } from "@net/wire/ipv4.ts";
import { assert } from "@runtime/core/assert.ts";
import { fromHex } from "@runtime/core/hex.ts";
import type { DialTarget } from "./dialer.ts";
import { DIALS_MAX, TYPED_LENGTH_MAX } from "./protocol.ts";
import type { UnresolvedPeer } from "./unresolved.ts";

/**
 * Peers of the node's command line: `ADDRESS:PORT,DEVICE_ID,STATIC,TYPED`, separated by spaces, as
 * `main.ts` writes them; what is not known is empty, and commas at the end may be left out. Malformed
 * text is a bug of whoever wrote it.
 */
export function peersOf(argument: string): readonly DialTarget[] {
  return partsOf(argument).map(([place = "", deviceId, noiseStatic, typed = ""]) => {
    const [host = "", port = ""] = place.split(":");
    const address = parseIpv4(host);
    assert(address !== undefined, "a peer has an IPv4 address");
    assert(typed.length <= TYPED_LENGTH_MAX, "a typed address is bounded");
    const pins = pinsOf(deviceId, noiseStatic);
    return { address, port: portOf(port), ...pins, typed: typed === "" ? undefined : typed };
  });
}

/** Peers whose names led nowhere: `TYPED,DEVICE_ID,STATIC`, else as {@linkcode peersOf}. */
export function unresolvedOf(argument: string): readonly UnresolvedPeer[] {
  return partsOf(argument).map(([typed = "", deviceId, noiseStatic]) => {
    assert(typed.length <= TYPED_LENGTH_MAX, "a typed address is bounded");
    const port = portOf(typed.slice(typed.lastIndexOf(":") + 1));
    return { typed, port, ...pinsOf(deviceId, noiseStatic) };
  });
}

const PORT = /^[1-9][0-9]{0,4}$/;
const DIGITS = /^[0-9a-f]{64}$/;

function partsOf(argument: string): readonly (readonly string[])[] {
  const peers = argument.split(" ").filter((part) => part !== "");
  assert(peers.length <= DIALS_MAX, "a node dials a bounded number of peers");
  return peers.map((peer) => peer.split(","));
}

function portOf(text: string): number {
  assert(PORT.test(text) && Number(text) <= 65_535, "a peer has a port");
  return Number(text);
}

function pinsOf(deviceId = "", noiseStatic = ""): Pick<DialTarget, "deviceId" | "noiseStatic"> {
  assert(deviceId === "" || DIGITS.test(deviceId), "a device id has 64 hex digits");
  assert(noiseStatic === "" || DIGITS.test(noiseStatic), "a static key has 64 hex digits");
  return {
    deviceId: deviceId === "" ? undefined : deviceId,
    noiseStatic: noiseStatic === "" ? undefined : fromHex(noiseStatic),
  };
}

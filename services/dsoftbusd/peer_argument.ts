import { parseIpv4 } from "@net/wire/ipv4.ts";
import { assert } from "@runtime/core/assert.ts";
import { fromHex } from "@runtime/core/hex.ts";
import { DIALS_MAX, type DialTarget } from "./dialer.ts";

/**
 * Peers of the node's command line: `ADDRESS:PORT[,DEVICE_ID[,STATIC]]`, separated by spaces, as
 * `main.ts` writes them. Malformed text is a bug of whoever wrote it.
 */
export function peersOf(argument: string): readonly DialTarget[] {
  const targets = argument.split(" ").filter((part) => part !== "").map(targetOf);
  assert(targets.length <= DIALS_MAX, "a node dials a bounded number of peers");
  return targets;
}

const PORT = /^[1-9][0-9]{0,4}$/;
const DIGITS = /^[0-9a-f]{64}$/;

function targetOf(text: string): DialTarget {
  const [place = "", deviceId = "", noiseStatic = ""] = text.split(",");
  const [host = "", port = ""] = place.split(":");
  const address = parseIpv4(host);
  assert(address !== undefined, "a peer has an IPv4 address");
  assert(PORT.test(port) && Number(port) <= 65_535, "a peer has a port");
  assert(deviceId === "" || DIGITS.test(deviceId), "a device id has 64 hex digits");
  assert(noiseStatic === "" || DIGITS.test(noiseStatic), "a static key has 64 hex digits");
  return {
    address,
    port: Number(port),
    deviceId: deviceId === "" ? undefined : deviceId,
    noiseStatic: noiseStatic === "" ? undefined : fromHex(noiseStatic),
  };
}

import { createGateway, GATEWAY_ADDRESS } from "@net/gateway/gateway.ts";
import { formatIpv4 } from "@net/stack/stack.ts";
import type { Link, PartialChecksum } from "@runtime/core/ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { fakeHostSockets } from "@tests/fakes/host_sockets.ts";
import { netNode } from "@tests/fakes/net_node.ts";
import { pattern } from "@tests/fakes/net_talk.ts";
import { test } from "@tests/fakes/test.ts";
import { hostTurns } from "@tests/fakes/turns.ts";

const MTU = 1500;
/** Frames up to this length have no payload, and a reset, always complete, is as long. */
const HEADERS_LENGTH = 14 + 20 + 20;
const FOREVER = { timeoutMs: 0 };
const NEVER = { timeoutMs: "never" } as const;
const SERVER = { host: "127.0.0.1", port: 80 };
const PAYLOAD = pattern(5000);

/** Frames with payload that crossed one way, by whether their checksum was complete. */
interface Tally {
  complete: number;
  partial: number;
}

function count(tally: Tally, length: number, left: Readonly<PartialChecksum> | undefined): void {
  if (length <= HEADERS_LENGTH) return;
  if (left === undefined || left.start === 0) tally.complete++;
  else tally.partial++;
}

/** netstackd dials a server of the host that sends back what it gets, once. */
async function echoed(checksums: Pick<Link, "checksums">) {
  const host = hostTurns();
  const sockets = fakeHostSockets(host);
  await sockets.listenTcp(SERVER, (tcp) => {
    tcp.observe({
      opened() {},
      data: (bytes) => tcp.write(bytes),
      ended() {},
      writable() {},
      closed() {},
    });
  });
  const gateway = createGateway({ sockets, clock: host, turns: host, random32: () => 7, mtu: MTU });
  const out: Tally = { complete: 0, partial: 0 };
  const back: Tally = { complete: 0, partial: 0 };
  const link: Link = {
    mtu: MTU,
    ...checksums,
    attach: (port) => gateway.attach(port),
    transmit(frame, left) {
      count(out, frame.length, left);
      gateway.transmit(frame, left);
    },
    receive(into, left) {
      const length = gateway.receive(into, left);
      count(back, length, left);
      return length;
    },
  };
  const node = await netNode({ host, link, station: 15, args: { address: "10.0.2.15/24" } });
  const to = { ip: formatIpv4(GATEWAY_ADDRESS), port: SERVER.port, ...FOREVER };
  const connected = await node.client.connect(to, NEVER);
  ok(connected.status === "ok");
  const { handle } = connected;
  const length = PAYLOAD.length;
  await node.client.write({ handle, length, bytes: PAYLOAD, ...FOREVER }, NEVER);
  const read = await node.client.read({ handle, min: length, max: length, ...FOREVER }, NEVER);
  ok(read.status === "ok" && read.move === undefined);
  deepEqual(read.bytes, PAYLOAD);
  equal(gateway.stackCounters().badChecksums, 0);
  await gateway.close();
  node.stop();
  host.stop();
  return { out, back };
}

test("netstackd and its gateway leave TCP's checksum partial between them, both ways", async () => {
  const { out, back } = await echoed({ checksums: "offloaded" });
  for (const tally of [out, back]) {
    ok(tally.partial >= 4);
    equal(tally.complete, 0);
  }
});

test("netstackd sends complete frames to a link that wants them, and gets such", async () => {
  const { out, back } = await echoed({});
  for (const tally of [out, back]) {
    equal(tally.partial, 0);
    ok(tally.complete >= 4);
  }
});

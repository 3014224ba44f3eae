import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { directChannel } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { bind } from "@runtime/idl/server.ts";
import { logdV2 } from "../logd/protocol.ts";
import { GATEWAY_LOG_MS, GatewayLog } from "./gateway_log.ts";

async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await undefined;
}

function kept() {
  const lines: string[] = [];
  const handlers = bind(logdV2, {
    append({ scope, message, fields }, { sender }) {
      lines.push(`${sender.name} ${scope}: ${message} ${fields.trim()}`);
      return { status: "ok", recordId: 1n, dropped: 0n };
    },
    stats: () => ({ status: "unsupported" }),
  });
  const connect = (sender: string) => directChannel([handlers], { sender });
  return { lines, node: { connect } };
}

test("GatewayLog names what was turned away, at once and then once a second", async () => {
  const clock = manualClock();
  const { lines, node } = kept();
  const log = new GatewayLog({ clock, turns: clock });
  log.begin(node);
  log.add("limit");
  for (let count = 0; count < 500; count++) log.add("limit");
  log.add("not_taken");
  await settle();
  deepEqual(lines.splice(0), ["host-gateway gateway: refused limit count=1"]);
  clock.advanceMs(GATEWAY_LOG_MS);
  await settle();
  deepEqual(lines.splice(0), [
    "host-gateway gateway: refused limit count=500",
    "host-gateway gateway: refused not_taken count=1",
  ]);
  clock.advanceMs(GATEWAY_LOG_MS);
  await settle();
  deepEqual([lines, clock.nextNs()], [[], undefined]);
});

test("GatewayLog keeps what comes before the boot, and nothing waits once it has ended", async () => {
  const clock = manualClock();
  const { lines, node } = kept();
  const log = new GatewayLog({ clock, turns: clock });
  log.add("limit");
  log.add("limit");
  equal(clock.nextNs(), undefined);
  log.begin(node);
  await settle();
  deepEqual(lines, ["host-gateway gateway: refused limit count=2"]);
  log.add("limit");
  log.end();
  equal(clock.nextNs(), undefined);
});

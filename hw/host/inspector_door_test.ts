import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { test } from "@tests/fakes/test.ts";
import { hostClock } from "./clock.ts";
import {
  DOOR_ANSWER_MS,
  DOOR_PAUSE_MS,
  DOOR_RETRY_MS,
  doorHolder,
  holdInspectorDoor,
} from "./inspector_door.ts";
import { hostTurns } from "./turns.ts";

const HOST = "127.0.0.1";
const inspectorUrl = () => undefined;

function listen(port = 0): Deno.TcpListener {
  return Deno.listen({ hostname: HOST, port });
}

function freePort(): number {
  using listener = listen();
  return listener.addr.port;
}

/** A door of its own port under a clock in the test's hands. */
function door(port = freePort()) {
  const clock = manualClock();
  const ports = { clock, turns: clock };
  return { port, clock, ports, held: holdInspectorDoor(ports, { port, inspectorUrl }) };
}

/** What is said to who connects, to its end. */
async function said(port: number): Promise<string> {
  const { readable } = await Deno.connect({ hostname: HOST, port });
  return await new Response(readable).text();
}

test("holdInspectorDoor holds the port, tells callers which process it is, and hangs up", async () => {
  const { port, clock, held } = door();
  equal(await said(port), `nexus-node ${Deno.pid}\n`);
  clock.advanceMs(DOOR_PAUSE_MS);
  deepEqual(await held.facts(), { state: "held", holder: Deno.pid });
  await held.release();
  listen(port).close();
});

test("holdInspectorDoor makes callers wait for the end of a pause after each other", async () => {
  const { port, clock, held } = door();
  await said(port);
  let answered = 0;
  const second = said(port).then(() => answered += 1);
  while (clock.nextNs() === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  clock.advanceNs(DOOR_PAUSE_MS * 1e6 - 1);
  equal(answered, 0);
  clock.advanceNs(1);
  await second;
  await held.release();
});

test("holdInspectorDoor waits for a port that another holds, and takes it when it is free", async () => {
  const first = door();
  const second = door(first.port);
  equal(second.held.state, "held_by_other");
  for (let turn = 0; turn < 3; turn++) {
    second.clock.advanceMs(DOOR_RETRY_MS);
    equal(second.held.state, "held_by_other");
  }
  await first.held.release();
  second.clock.advanceMs(DOOR_RETRY_MS);
  equal(second.held.state, "held");
  equal(await said(first.port), `nexus-node ${Deno.pid}\n`);
  await second.held.release();
});

test("holdInspectorDoor asks for nothing more once it is released", async () => {
  const other = listen();
  const { clock, held } = door(other.addr.port);
  await held.release();
  equal(clock.nextNs(), undefined);
  other.close();
});

test("holdInspectorDoor names the node that holds the port", async () => {
  const first = door();
  const clock = hostClock();
  const ports = { clock, turns: hostTurns(clock) };
  const second = holdInspectorDoor(ports, { port: first.port, inspectorUrl });
  deepEqual(await second.facts(), { state: "held_by_other", holder: Deno.pid });
  await second.release();
  await first.held.release();
});

test("doorHolder knows nobody by anything but the whole banner", async () => {
  const texts = ["", "nexus-node \n", "nexus-node 12345678901\n", "nexus-node 7", "nexus-node -1\n"]
    .concat("nexus-node 7\nmore\n", "HTTP/1.1 400 Bad Request\r\n\r\n", "9".repeat(100_000));
  for (const text of texts) {
    const listener = listen();
    const answer = listener.accept().then(async (connection) => {
      const writer = connection.writable.getWriter();
      // Whoever listens has hung up by the end of a long one.
      await writer.write(new TextEncoder().encode(text)).then(() => writer.close()).catch(() => {});
    });
    const clock = manualClock();
    const holder = await doorHolder({ clock, turns: clock }, listener.addr.port);
    deepEqual([text, holder], [text, undefined]);
    await answer;
    listener.close();
  }
  const clock = manualClock();
  equal(await doorHolder({ clock, turns: clock }, freePort()), undefined);
});

test("doorHolder waits for a silent holder for a bounded time", async () => {
  const listener = listen();
  const clock = manualClock();
  const asked = doorHolder({ clock, turns: clock }, listener.addr.port);
  const silent = await listener.accept();
  while (clock.nextNs() === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  clock.advanceMs(DOOR_ANSWER_MS);
  equal(await asked, undefined);
  silent.close();
  listener.close();
});

test("holdInspectorDoor leaves the port alone where no inspector opens", async () => {
  const port = freePort();
  const clock = manualClock();
  const held = holdInspectorDoor({ clock, turns: clock }, { port, inspectorUrl, needed: false });
  deepEqual(await held.facts(), { state: "not_needed", holder: undefined });
  listen(port).close();
  await held.release();
});

test("holdInspectorDoor says that an inspector is open, whoever holds the port", async () => {
  const clock = manualClock();
  const urls = [undefined, "ws://127.0.0.1:9333/id"];
  const held = holdInspectorDoor({ clock, turns: clock }, {
    port: freePort(),
    inspectorUrl: () => urls.shift(),
  });
  equal(held.state, "held");
  equal(held.state, "open");
  await held.release();
});

/** Runs a program of this repository to its end, with flags of the runtime's own. */
async function evaluate(source: string, ...flags: readonly string[]): Promise<string> {
  const args = ["eval", ...flags, source];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
  return new TextDecoder().decode(stdout).trim();
}

const BEGIN = `
  import { hostClock } from "${new URL("clock.ts", import.meta.url)}";
  import { hostTurns } from "${new URL("turns.ts", import.meta.url)}";
  import { holdInspectorDoor } from "${new URL("inspector_door.ts", import.meta.url)}";
  const clock = hostClock();
  const options = { port: ${freePort()} };
  const hold = () => holdInspectorDoor({ clock, turns: hostTurns(clock) }, options);`;

test("holdInspectorDoor knows this runtime's own inspector", async () => {
  const source = `${BEGIN} const door = hold(); console.log(door.state); door.release();`;
  equal(await evaluate(source), "held");
  equal(await evaluate(source, "--inspect=127.0.0.1:0"), "open");
});

test("holdInspectorDoor goes on without the permission to listen there", async () => {
  const source = `${BEGIN}
    Deno.permissions.revokeSync({ name: "net" });
    console.log(hold().state);`; // a timer would keep the program alive
  equal(await evaluate(source), "not_permitted");
});

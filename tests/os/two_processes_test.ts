/**
 * The demonstration of the first issue: nodes as processes of this host, asked by `nx`.
 *
 * @module
 */

import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { freePort, inWorld, type NxEnd } from "./nx_process.ts";

const LISTEN = ["--listen", "127.0.0.1:0"];
const SESSION = "dsoftbusd: os session ok";
/** A stop may take a second; this is for a host that is busy with other tests too. */
const STOP_MS_MAX = 3_000;
const WRONG_ID = "0123456789abcdef".repeat(4);

function resolved({ code, events }: NxEnd): unknown {
  return [code, events[0]?.["found"]];
}

test("nx up: two nodes find each other, ask each other, and meet again after a kill", async () => {
  await inWorld(async (world) => {
    const first = await world.up(...LISTEN);
    const second = await world.up(...LISTEN, "--peer", first.place);
    await Promise.all([first.process.marker(SESSION), second.process.marker(SESSION)]);
    const [one, two] = await Promise.all([first.id(), second.id()]);
    ok(/^[0-9a-f]{64}$/.test(one) && /^[0-9a-f]{64}$/.test(two) && one !== two, "two identities");
    await first.process.marker(`dsoftbusd: identity bound peer=${two}`);
    await second.process.marker(`dsoftbusd: identity bound peer=${one}`);
    const established = (deviceId: string, direction: string) => (peer: Record<string, unknown>) =>
      peer["deviceId"] === deviceId && peer["state"] === "established" &&
      peer["direction"] === direction;
    await Promise.all([
      first.peer(established(two, "inbound")),
      second.peer(established(one, "outbound")),
    ]);
    const pings = await Promise.all([
      first.ask("ping", two.slice(0, 12), "--count", "3"),
      second.ask("ping", one.slice(0, 12), "--count", "3"),
    ]);
    deepEqual(pings.map(({ code }) => code), [0, 0]);
    deepEqual(pings.map(({ events }) => events.at(-1)?.["deviceId"]), [two, one]);
    deepEqual(pings.map(({ events }) => events.at(-1)?.["count"]), [3, 3]);
    const found = await Promise.all([
      first.ask("resolve", two, "samgrd"),
      second.ask("resolve", one, "samgrd"),
      second.ask("resolve", one, "nobody.svc"),
    ]);
    deepEqual(found.map(resolved), [[0, true], [0, true], [3, false]]);

    first.process.kill("SIGKILL");
    await first.process.ended;
    await second.peer((peer) => peer["state"] !== "established" && peer["reason"] !== "");
    const again = await world.up("--listen", first.place);
    const three = await again.id();
    ok(three !== one, "keys live in RAM: a restarted node is another device");
    await second.process.marker(`dsoftbusd: identity bound peer=${three}`);
    await second.peer(established(three, "outbound"));

    const began = Date.now();
    second.process.kill("SIGTERM");
    const end = await second.process.ended;
    ok(Date.now() - began < STOP_MS_MAX, "a stop takes about a second at most");
    equal(end.code, 0);
    deepEqual(end.events.at(-1), { event: "stopped", reason: "signal" });
    const { events } = await again.ask("log", "--scope", "dsoftbusd");
    ok(events.some(({ message }) => message === "session ended closed"), JSON.stringify(events));
  });
});

test("nx up --child ends with its input, and --until and --timeout tell by their exit code", async () => {
  await inWorld(async (world) => {
    const child = await world.up(...LISTEN, "--child");
    await child.process.endInput();
    const [ended, until, late, never] = await Promise.all([
      child.process.ended,
      world.run("up", "--until", "init: ready"),
      world.run("up", "--timeout", "1ms"),
      world.run("up", "--until", "dsoftbusd: identity bound peer=<id>", "--timeout", "300ms"),
    ]);
    deepEqual([ended.code, ended.events.at(-1)], [0, { event: "stopped", reason: "input_ended" }]);
    deepEqual([until.code, until.events.at(-1)], [0, { event: "stopped", reason: "until" }]);
    ok(until.events.some(({ line }) => line === "init: ready"));
    deepEqual([late.code, late.events.at(-1)], [124, { event: "stopped", reason: "timed_out" }]);
    deepEqual([never.code, never.events.at(-1)], [124, { event: "stopped", reason: "timed_out" }]);
  });
});

test("nx up without --listen says so, and nx id names no port of it", async () => {
  await inWorld(async (world) => {
    const node = world.start("up");
    await node.event(({ event }) => event === "not_listening");
    await node.event(({ event }) => event === "ready");
    const { events: [identity] } = await world.run("id");
    equal(identity?.["port"], null);
  });
});

test("nx up refuses a seed outside the test profile, and says what to do", async () => {
  await inWorld(async (world) => {
    const refused = await Promise.all(
      ["prod", "dev"].map((profile) => world.run("up", "--profile", profile, "--seed", "a")),
    );
    for (const { code, errors } of refused) {
      equal(code, 2);
      ok(errors.join(" ").includes("--profile test"), errors.join(" "));
    }
  });
});

test("nx up with a wrong pinned id names the mismatch in nx peers and nx log", async () => {
  await inWorld(async (world) => {
    const first = await world.up(...LISTEN);
    const second = await world.up(...LISTEN, "--peer", `nx://${WRONG_ID}@${first.place}`);
    const one = await first.id();
    const peer = await second.peer(({ reason }) => reason === "pin_mismatch");
    ok(peer["state"] !== "established");
    equal(peer["deviceId"], WRONG_ID);
    const { events } = await second.ask("log", "--scope", "dsoftbusd");
    const refusal = events.find(({ message }) => message === "refused pin_mismatch");
    deepEqual(refusal?.["fields"], { claimed: one, from: first.place });
    const { events: peers } = await first.ask("peers");
    deepEqual(peers.filter(({ state }) => state === "established"), []);
  });
});

test("nx up that starts before its peer keeps trying", async () => {
  await inWorld(async (world) => {
    const port = freePort();
    const early = await world.up(...LISTEN, "--peer", `127.0.0.1:${port}`);
    await early.peer(({ reason }) => reason === "dial_refused");
    const late = await world.up("--listen", `127.0.0.1:${port}`);
    await Promise.all([early.process.marker(SESSION), late.process.marker(SESSION)]);
  });
});

test("nx up with a peer whose name leads nowhere shows it in nx peers and nx log", async () => {
  await inWorld(async (world) => {
    const node = await world.up(...LISTEN, "--peer", "nosuch.invalid:7401");
    const { events: [peer] } = await node.ask("peers");
    deepEqual([peer?.["state"], peer?.["reason"]], ["waiting", "name_unresolved"]);
    equal(peer?.["address"], "nosuch.invalid:7401");
    const { events } = await node.ask("log", "--scope", "dsoftbusd");
    const record = events.find(({ message }) => message === "refused name_unresolved");
    deepEqual(record?.["fields"], { from: "nosuch.invalid:7401" });
  });
});

test("nx commands without a node to ask exit with 3", async () => {
  await inWorld(async (world) => {
    const ends = await Promise.all([world.run("id"), world.run("peers", "--node", "1")]);
    deepEqual(ends.map(({ code }) => code), [3, 3]);
  });
});

import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { NewReno } from "./congestion.ts";
import {
  RTO_AFTER_LOST_SYN_MS,
  RTO_INITIAL_MS,
  RTO_MAX_MS,
  RTO_MIN_MS,
  RttEstimator,
} from "./rtt.ts";
import { moved, receiving, synchronized, type TcpEvent, type TcpState } from "./tcp_state.ts";

const STATES: readonly TcpState[] = [
  "LISTEN",
  "SYN-SENT",
  "SYN-RECEIVED",
  "ESTABLISHED",
  "FIN-WAIT-1",
  "FIN-WAIT-2",
  "CLOSE-WAIT",
  "CLOSING",
  "LAST-ACK",
  "TIME-WAIT",
  "CLOSED",
];
const EVENTS: readonly TcpEvent[] = ["syn", "syn_acknowledged", "end", "fin_acknowledged", "fin"];

/** The arrows of RFC 9293's figure of states, each written out. */
const ARROWS: readonly string[] = [
  "LISTEN syn SYN-RECEIVED",
  "SYN-SENT syn SYN-RECEIVED",
  "SYN-SENT syn_acknowledged ESTABLISHED",
  "SYN-RECEIVED syn_acknowledged ESTABLISHED",
  "ESTABLISHED end FIN-WAIT-1",
  "ESTABLISHED fin CLOSE-WAIT",
  "FIN-WAIT-1 fin_acknowledged FIN-WAIT-2",
  "FIN-WAIT-1 fin CLOSING",
  "FIN-WAIT-2 fin TIME-WAIT",
  "CLOSE-WAIT end LAST-ACK",
  "CLOSING fin_acknowledged TIME-WAIT",
  "LAST-ACK fin_acknowledged CLOSED",
];

test("moved() knows the arrows of the figure and no other", () => {
  const arrows: string[] = [];
  for (const state of STATES) {
    for (const event of EVENTS) {
      const next = moved(state, event);
      if (next !== undefined) arrows.push(`${state} ${event} ${next}`);
    }
  }
  deepEqual(arrows.sort(), [...ARROWS].sort());
});

test("synchronized() and receiving() hold in the states RFC 9293 says", () => {
  deepEqual(STATES.filter((state) => !synchronized(state)), [
    "LISTEN",
    "SYN-SENT",
    "SYN-RECEIVED",
    "CLOSED",
  ]);
  deepEqual(STATES.filter(receiving), ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"]);
});

test("RttEstimator follows RFC 6298's arithmetic", () => {
  const rtt = new RttEstimator();
  equal(rtt.rtoMs, RTO_INITIAL_MS);
  rtt.sample(400);
  equal(rtt.rtoMs, 400 + 4 * 200);
  rtt.sample(800);
  equal(rtt.rtoMs, 450 + 4 * 250);
});

test("RttEstimator stays between its bounds, backs off and settles", () => {
  const rtt = new RttEstimator();
  rtt.sample(0.05);
  equal(rtt.rtoMs, RTO_MIN_MS);
  for (let round = 0; round < 20; round++) rtt.backOff();
  equal(rtt.rtoMs, RTO_MAX_MS);
  rtt.settle();
  equal(rtt.rtoMs, RTO_MIN_MS);
});

test("RttEstimator begins data anew after lost SYNs, and keeps what a sample taught it", () => {
  const lost = new RttEstimator();
  for (let round = 0; round < 4; round++) lost.backOff();
  lost.begin();
  equal(lost.rtoMs, RTO_AFTER_LOST_SYN_MS);
  const clean = new RttEstimator();
  clean.begin();
  equal(clean.rtoMs, RTO_INITIAL_MS);
  const sampled = new RttEstimator();
  sampled.sample(2000);
  sampled.begin();
  equal(sampled.rtoMs, 2000 + 4 * 1000);
});

function reno(): NewReno {
  return new NewReno(1000, { windowMax: 100_000, initial: 0 });
}

test("NewReno starts with ten segments and doubles each round trip", () => {
  const control = reno();
  equal(control.window, 10_000);
  for (let acked = 1; acked <= 10; acked++) control.onAcknowledged(1000, acked * 1000, 10_000);
  equal(control.window, 20_000);
});

test("NewReno grows by all that one ACK covers, but by a segment while it makes up for a timeout", () => {
  const control = reno();
  control.onAcknowledged(8000, 8000, 10_000);
  equal(control.window, 18_000);
  control.onTimeout(8000, 26_000, false);
  control.onAcknowledged(9000, 17_000, 26_000);
  equal(control.window, 2000);
});

test("NewReno retransmits at the third duplicate and halves its window", () => {
  const control = reno();
  control.onAcknowledged(1000, 1000, 11_000);
  equal(control.onDuplicate(1000, 11_000), "none");
  equal(control.onDuplicate(1000, 11_000), "none");
  equal(control.window, 11_000 + 2000, "limited transmit lends two segments");
  equal(control.onDuplicate(1000, 11_000), "retransmit");
  equal(control.window, 5000 + 3000);
  equal(control.onDuplicate(1000, 11_000), "none");
  equal(control.window, 9000);
  equal(control.onAcknowledged(3000, 4000, 11_000), "retransmit", "a partial one names a hole");
  ok(control.recovering);
  equal(control.window, 9000 - 3000 + 1000);
  equal(control.onAcknowledged(7000, 11_000, 11_000), "none");
  equal(control.recovering, false);
  equal(control.window, 2000);
});

test("NewReno does not halve twice for losses of one flight", () => {
  const control = reno();
  control.onAcknowledged(1000, 1000, 11_000);
  control.onTimeout(1000, 11_000, false);
  equal(control.window, 1000);
  for (let count = 0; count < 5; count++) equal(control.onDuplicate(5000, 11_000), "none");
});

test("NewReno grows by one segment a round trip after a loss", () => {
  const control = reno();
  control.onTimeout(1000, 11_000, false);
  for (let round = 0; round < 5; round++) control.onAcknowledged(1000, 12_000, 13_000);
  const before = control.window;
  for (let acked = 0; acked < before; acked += 1000) control.onAcknowledged(1000, 20_000, 21_000);
  equal(control.window, before + 1000);
});

import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualKernel } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import { fakeWires } from "@tests/fakes/wires.ts";
import type { Isolates } from "../core/ports.ts";
import { Homes } from "./homes.ts";
import { HOST_ISOLATE, type IsolateObserver } from "./isolate.ts";
import type { Isolation } from "./placement.ts";
import { TaskHost } from "./task_host.ts";

/** An isolate that was started: the orders that it heard, and its hands on the boot. */
interface Started {
  readonly name: string;
  readonly orders: string[];
  readonly activity: Int32Array;
  fail(reason: string): void;
}

function homes(isolation: Isolation) {
  const { kernel } = manualKernel();
  const wires = fakeWires();
  const started: Started[] = [];
  const isolates: Isolates = {
    wires,
    start(name, failed) {
      const [own, theirs] = wires.pair();
      const orders: string[] = [];
      wires.open(theirs).listen((order) => void orders.push(String((order as unknown[])[0])));
      const activity = new Int32Array(1);
      started.push({ name, orders, activity, fail: failed });
      return { activity, control: wires.open(own), terminate() {} };
    },
  };
  const observer: IsolateObserver = { proved: () => true, faulted() {}, garbled() {}, alive() {} };
  const lost: string[] = [];
  const host = new TaskHost({
    name: HOST_ISOLATE,
    kernel,
    wires,
    observer,
    componentOf: () => {
      throw new TypeError("nobody is hosted here");
    },
  });
  const order = new Int32Array(1);
  const turn = () => Promise.resolve();
  const made = new Homes({
    kernel,
    host,
    observer,
    placement: { isolation, isolates, order, turn, wake() {} },
    lost: (tasks, reason) => void lost.push(`${tasks.join(" ")}: ${reason}`),
  });
  return { homes: made, host, wires, started, lost };
}

test("Homes starts one isolate for daemons that share it, however they come", async () => {
  const { homes: houses, started, lost } = homes("secrets");
  const tasks = ["samgrd", "netstackd", "controld"];
  const first = await Promise.all(tasks.map((task) => houses.house(task)));
  equal(new Set(first).size, 1);
  started[0]?.fail("Provoked");
  deepEqual(lost, ["samgrd netstackd controld: Provoked"]);
  const second = await Promise.all(tasks.map((task) => houses.house(task)));
  equal(new Set(second).size, 1);
  equal(second[0] === first[0], false);
  deepEqual(started.map(({ name }) => name), ["rest", "rest"]);
});

test("Homes tells an isolate that is started late that everybody serves", async () => {
  const { homes: houses, wires, started } = homes("all");
  await houses.house("rngd");
  wires.deliver();
  deepEqual(started[0]?.orders, []);
  houses.settle();
  await houses.house("samgrd");
  wires.deliver();
  deepEqual(started.map(({ orders }) => orders), [["settle"], ["settle"]]);
});

test("Homes suspects who was resumed last, by the order of spawning in that isolate", async () => {
  const { homes: houses, started } = homes("secrets");
  for (const task of ["identityd", "samgrd", "netstackd"]) {
    (await houses.house(task)).spawn(task, []);
  }
  deepEqual(houses.suspects("rest"), ["identityd", "samgrd", "netstackd"]);
  started[0]?.fail("lost");
  for (const task of ["netstackd", "identityd"]) (await houses.house(task)).spawn(task, []);
  started[1]?.activity.set([1]);
  equal(houses.suspects("rest")[0], "netstackd");
});

test("Homes keeps everybody beside the boot where the placement says so", async () => {
  const { homes: houses, host, started } = homes("inline");
  equal(await houses.house("keystored"), host);
  deepEqual([started.length, houses.remoteNames], [0, []]);
});

test("Homes ends an isolate with its only daemon, and not one that others live in", async () => {
  const { homes: houses } = homes("secrets");
  for (const task of ["rngd", "samgrd", "netstackd"]) await houses.house(task);
  houses.ended("rngd");
  houses.ended("samgrd");
  deepEqual([houses.ping("rngd"), houses.ping("rest")], [false, true]);
});

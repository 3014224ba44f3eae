import type { AnyComponent } from "@runtime/boot/component.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { controllerOf, fakeNode } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import { keystored } from "../keystored/protocol.ts";
import type { NodeOptions } from "./ports.ts";
import { startStrangers } from "./strangers.ts";

const IDS = ["a1".repeat(32), "b2".repeat(32)];
const PLACE = 0x0a000202;

async function started() {
  const options: NodeOptions[] = [];
  const nodes = IDS.map((deviceId, index) =>
    fakeNode({ host: "127.0.0.1", port: 7100 + index }, { handlers: controllerOf({ deviceId }) })
  );
  const strangers = await startStrangers({
    startNode(asked) {
      options.push(asked);
      const node = nodes[options.length - 1];
      return node === undefined ? Promise.reject(new TypeError("a third")) : Promise.resolve(node);
    },
  });
  return { options, nodes, strangers };
}

test("startStrangers starts two devices on the loopback, each to be refused under its own id", async () => {
  const { options, strangers, nodes } = await started();
  deepEqual(options.map(({ listen, peers, selftest }) => [listen?.host, peers, selftest]), [
    ["127.0.0.1", [], false],
    ["127.0.0.1", [], false],
  ]);
  deepEqual(
    strangers.map(({ expectation }) => expectation),
    IDS.map((id) => ({
      phase: "session",
      line: `dsoftbusd: identity mismatch peer=${id}`,
      never: `dsoftbusd: identity bound peer=${id}`,
    })),
  );
  for (const stranger of strangers) await stranger.stop();
  deepEqual(nodes.map(({ stops }) => stops()), [1, 1]);
});

test("a stranger has a machine dial it, as the device that the first one claims to be", async () => {
  const { strangers } = await started();
  const asked: unknown[] = [];
  const connect = (request: Readonly<Record<string, unknown>>) => {
    const { address, port, deviceId, noiseStatic } = request;
    asked.push([address, port, deviceId, noiseStatic]);
  };
  const machine = fakeNode({ host: "127.0.0.1", port: 7000 }, {
    handlers: controllerOf({ deviceId: "c3".repeat(32), connect }),
    placeOf: () => Promise.resolve(PLACE),
  });
  for (const stranger of strangers) await stranger.visit(machine);
  const noiseStatic = new Uint8Array(32).fill(0x22);
  deepEqual(asked, [
    [PLACE, 7100, IDS[0], noiseStatic],
    [PLACE, 7101, IDS[0], noiseStatic],
  ]);
});

test("the first stranger's keystored turns one bit of its session proofs over, and nothing else", async () => {
  const { options } = await started();
  const signature = new Uint8Array(64).fill(5);
  const honest = {
    keystored: {
      sessionProof: () => ({ status: "ok", signature, verifyingKey: signature.subarray(32) }),
      staticPublic: () => ({ status: "ok", key: signature.subarray(32) }),
    },
  };
  const component = (name: string) => ({ name, create: () => honest }) as unknown as AnyComponent;
  const own = [component("logd"), component(keystored.name)];
  const [first, second] = options.map(({ components }) => components);
  equal(second, undefined);
  const [logd, keys] = first?.(own) ?? [];
  equal(logd, own[0]);
  const lying = await keys?.create({} as never) as typeof honest;
  equal(lying.keystored.staticPublic, honest.keystored.staticPublic);
  const proof = await lying.keystored.sessionProof();
  deepEqual([...proof.signature].filter((byte, at) => byte !== signature[at]), [4]);
  ok(signature.every((byte) => byte === 5));
});

test("startStrangers leaves none running when one does not boot", async () => {
  const node = fakeNode({ host: "127.0.0.1", port: 7100 });
  let starts = 0;
  const startNode = () => ++starts === 1 ? Promise.resolve(node) : Promise.reject(new TypeError());
  await rejects(startStrangers({ startNode }), TypeError);
  equal(node.stops(), 1);
});

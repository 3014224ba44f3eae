import { deepEqual, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { networkConfig, NetworkConfigError } from "./config.ts";

test("networkConfig is QEMU's guest unless told otherwise", () => {
  deepEqual(networkConfig({}), {
    address: 0x0a00020f,
    prefixLength: 24,
    router: 0x0a000202,
    mtu: undefined,
  });
  const args = { address: "10.42.0.11/16", router: "10.42.0.1", mtu: "9000" };
  deepEqual(networkConfig(args), {
    address: 0x0a2a000b,
    prefixLength: 16,
    router: 0x0a2a0001,
    mtu: 9000,
  });
});

test("networkConfig refuses what no interface can be", () => {
  const wrong = {
    address: [
      "",
      "10.0.2.15",
      "10.0.2.15/",
      "10.0.2.15/0",
      "10.0.2.15/31",
      "10.0.2.15/24/1",
      "224.0.0.1/24",
    ],
    router: ["", "10.0.2", "224.0.0.1", "127.0.0.1"],
    mtu: ["", "575", "65536", "1e3", "-1"],
  };
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      throws(() => networkConfig({ [option]: value }), NetworkConfigError, `${option} ${value}`);
    }
  }
});

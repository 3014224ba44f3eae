import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { denoAtLeast } from "./runtime_version.ts";
import { tcpHandles } from "./tcp_handle.ts";

test("tcpHandles gives none in a version that nobody has looked at, and some in 2.9", () => {
  equal(tcpHandles(false), undefined);
  equal(tcpHandles() !== undefined, denoAtLeast(2, 9) && !denoAtLeast(2, 10));
});

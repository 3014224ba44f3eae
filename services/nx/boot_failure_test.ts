import { BootError } from "@runtime/boot/isolate.ts";
import { equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { bootFailureText } from "./boot_failure.ts";

test("bootFailureText says what to do where a daemon said why, and else the bare failure", () => {
  const text = (reason?: string) => bootFailureText(new BootError("daemon_faulted", "x", reason));
  equal(text(), "Cannot boot x: daemon_faulted");
  equal(text("TypeError"), "Cannot boot x: daemon_faulted (TypeError)");
  ok(
    text("state_rollback").startsWith("Cannot boot x: daemon_faulted (state_rollback): the image"),
  );
  ok(text("device_key_unreadable_integrity").includes("no other takes its place"));
});

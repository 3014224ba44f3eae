import { FileFailure } from "@runtime/core/program_ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { missingPermission } from "./missing_permission.ts";

const PROGRAM = new URL("../../tests/fakes/refused_program.ts", import.meta.url).pathname;

test("missingPermission names the flag behind each refusal of this runtime", async () => {
  const args = ["run", "--no-prompt", "--quiet", PROGRAM];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const text = new TextDecoder().decode(stdout);
  ok(text !== "", new TextDecoder().decode(stderr));
  const at = "--allow-net=127.0.0.1:7401";
  deepEqual(JSON.parse(text), {
    connect: "--allow-net=a.example:7401",
    listen: at,
    socket: at,
    lookup: "--allow-net=b.example",
    read: "--allow-read=/etc/passwd",
    write: "--allow-write=/etc/passwd",
    temporary: "--allow-write",
    env: "--allow-env=HOME",
    sys: "--allow-sys=uid",
    run: "--allow-run=/bin/true",
    ffi: "--allow-ffi=/lib/x.so",
  });
});

function refusal(message: string, name = "NotCapable"): Error {
  return Object.assign(new Error(message), { name });
}

test("missingPermission looks behind failures, and reads nothing into others", () => {
  const cause = refusal('Requires write access to "/a b", run again with the --allow-write flag');
  const behind = new FileFailure("permission_denied", "/a b", { cause });
  equal(missingPermission(new Error("x", { cause: behind }))?.flag, "--allow-write=/a b");
  const variable = "Requires --allow-run permissions to spawn subprocess with LD_PRELOAD set";
  equal(missingPermission(refusal(variable))?.flag, "--allow-run");
  const endless = new Error("x");
  endless.cause = endless;
  const others: unknown[] = [
    undefined,
    "text",
    endless,
    new FileFailure("permission_denied", "/a"),
    refusal("Requires net access", "PermissionDenied"),
    refusal("Requires toString access, run again with the --allow-toString flag"),
    Object.assign(refusal("getaddrinfo ENOTFOUND a", "Error"), {
      syscall: "getaddrinfo",
      code: "ENOTFOUND",
    }),
  ];
  for (const other of others) equal(missingPermission(other), undefined);
});

/* A program that is permitted nothing: which flag it says is missing, for each thing it tries. */
import { missingPermission } from "@hw/host/missing_permission.ts";
import { hostSockets } from "@hw/host/sockets.ts";

const attempts: Readonly<Record<string, () => unknown>> = {
  connect: () => Deno.connect({ hostname: "a.example", port: 7401 }),
  listen: () => Deno.listen({ hostname: "127.0.0.1", port: 7401 }),
  socket: () => hostSockets().listenTcp({ host: "127.0.0.1", port: 7401 }, () => {}),
  lookup: () => hostSockets().lookup("b.example"),
  read: () => Deno.readTextFileSync("/etc/passwd"),
  write: () => Deno.writeTextFileSync("/etc/passwd", ""),
  temporary: () => Deno.makeTempDirSync(),
  env: () => Deno.env.get("HOME"),
  sys: () => Deno.uid(),
  run: () => new Deno.Command("/bin/true").spawn(),
  ffi: () => Deno.dlopen("/lib/x.so", {}),
};

const found: Record<string, string> = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    found[name] = "done";
  } catch (error) {
    found[name] = missingPermission(error)?.flag ?? String(error);
  }
}
console.log(JSON.stringify(found));

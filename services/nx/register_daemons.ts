import type { Booted } from "@runtime/boot/init.ts";
import { INIT_NAME } from "@runtime/boot/protocol.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import { samgrd } from "../samgrd/protocol.ts";

/**
 * What a boot settles: tells samgrd, for everyone, who runs on this node; and tells a samgrd that was
 * started again the same.
 *
 * @param daemons Names; each is found under its place in the list, from 1.
 */
export function daemonRegistrar(
  daemons: readonly string[],
): (node: Pick<Booted, "connect">, restarted?: string) => Promise<void> {
  let registry: Client<typeof samgrd> | undefined;
  return async (node, restarted = samgrd.name) => {
    if (restarted !== samgrd.name) return;
    registry ??= createClient(samgrd, node.connect(INIT_NAME, samgrd));
    for (const [index, name] of daemons.entries()) {
      await registry.register({ name, send: index + 1, receive: 0 });
    }
  };
}

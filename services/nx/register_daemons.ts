import { createClient } from "@runtime/idl/client.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import { samgrd } from "../samgrd/protocol.ts";

/**
 * Tells samgrd, for everyone, who runs on this node.
 *
 * @param channel To samgrd, for the boot's own principal: what it registers is seen by all.
 * @param daemons Names; each is found under its place in the list, from 1.
 */
export async function registerDaemons(
  channel: RawChannel,
  daemons: readonly string[],
): Promise<void> {
  const registry = createClient(samgrd, channel);
  for (const [index, name] of daemons.entries()) {
    await registry.register({ name, send: index + 1, receive: 0 });
  }
}

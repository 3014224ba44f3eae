import type { Isolation } from "@runtime/boot/placement.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import type { NodeOptions } from "@services/nx/ports.ts";
import { bootNode, type TestNode } from "@tests/fakes/node.ts";
import { hostile } from "./hostile.ts";
import { attackOf } from "./protocol.ts";

const ENTRY = new URL("./task_worker.ts", import.meta.url);
/** Who has the daemons try things: a principal of its own. */
const TESTER = "tester";
const TEXT = new TextDecoder();

/** A node whose daemons are all hostile when they are told to be. */
export interface Siege {
  readonly node: TestNode;
  /** Has a daemon try something, and returns what it says came of it. */
  attempt(daemon: string, name: string, argument?: string): Promise<unknown>;
}

/** Boots a node with an attacker aboard of every daemon, for the time of `body`. */
export async function besiege(
  isolation: Isolation,
  body: (siege: Siege) => Promise<void>,
  options: Partial<NodeOptions> = {},
): Promise<void> {
  const node = await bootNode(
    { ...options, isolation, components: (own) => own.map(hostile) },
    ENTRY,
  );
  const clients = new Map<string, Client<ReturnType<typeof attackOf>>>();
  const clientOf = (daemon: string) => {
    const service = attackOf(daemon);
    const client = clients.get(daemon) ?? createClient(service, node.connect(TESTER, service));
    clients.set(daemon, client);
    return client;
  };
  const attempt: Siege["attempt"] = async (daemon, name, argument = "") => {
    const client = clientOf(daemon);
    const reply = await client.attempt({ name, argument }, { timeoutMs: 20_000 });
    if (reply.status !== "ok") throw new TypeError(`${daemon} ${name}: ${reply.status}`);
    return JSON.parse(TEXT.decode(reply.report));
  };
  try {
    await body({ node, attempt });
  } finally {
    await node.stop();
  }
}

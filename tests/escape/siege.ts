import { hostClock } from "@hw/host/clock.ts";
import { hostPlacement, isolatesFrom } from "@hw/host/isolates.ts";
import { hostTurns } from "@hw/host/turns.ts";
import type { Isolation } from "@runtime/boot/placement.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import type { NodeOptions } from "@services/nx/ports.ts";
import { bootNode, type TestNode, type TestNodeOptions } from "../fakes/node.ts";
import { hostile } from "./hostile.ts";
import { attackOf } from "./protocol.ts";

/** An entry that is compromised itself. */
export const LIAR: URL = new URL("./liar_worker.ts", import.meta.url);
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

const checked = new Map<string, Promise<void>>();

/**
 * One isolate before the node's: `deno test` checks the types of an entry that it does not know, and
 * ten that start at once would all do so, each for a minute.
 */
function firstIsolate(entry: URL): Promise<void> {
  const clock = hostClock();
  const { isolates } = hostPlacement(clock, hostTurns(clock), isolatesFrom(() => entry));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { control, terminate } = isolates.start("first", (reason) => reject(new Error(reason)));
  control.listen(() => {
    control.close();
    terminate();
    resolve();
  });
  // More endpoints than a task may have: the one thing that is answered at once.
  const endpoints = Array.from({ length: 97 }, (_, index) => ({ name: `${index}`, depth: 1 }));
  control.post(["spawn", "samgrd", endpoints]);
  return promise;
}

/** Boots a node with an attacker aboard of every daemon, for the time of `body`. */
export async function besiege(
  isolation: Isolation,
  body: (siege: Siege) => Promise<void>,
  options: Partial<TestNodeOptions> = {},
): Promise<void> {
  const { entry = ENTRY } = options;
  const first = checked.get(entry.href) ?? firstIsolate(entry);
  checked.set(entry.href, first);
  await first;
  const components: NodeOptions["components"] = (own) => own.map(hostile);
  const node = await bootNode({ ...options, entry, isolation, components });
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

import { FileFailure } from "@runtime/core/program_ports.ts";
import { runNx } from "@services/nx/nx.ts";
import { NexusKeys } from "@services/keystored/client/nexus_keys.ts";
import { keysEngine, type KeysEngineOptions } from "./keys_engine.ts";
import { fakeNode, type NxWorld, nxWorld, settled } from "./nx_ports.ts";

/** How one command line ended. */
export interface KeyRun {
  readonly code: number;
  readonly out: string;
  readonly error: string;
  /** Bytes on standard output that are no text. */
  readonly bytes: Uint8Array;
}

/** A command line beside a node that keeps keys in memory. */
export interface KeyWorld extends NxWorld {
  /** The same keys without the command line. */
  readonly keys: NexusKeys;
  /** Runs `nx key …`. */
  nx(...argv: readonly string[]): Promise<KeyRun>;
  /** Runs `nx key … --json`, which must end well, and reads its one object. */
  json(...argv: readonly string[]): Promise<Record<string, unknown>>;
  put(path: string, bytes: Uint8Array | string): void;
  /** Bytes of a file, and its mode. */
  file(path: string): { readonly bytes: Uint8Array; readonly mode: number | undefined };
  /** Moves the node's clock and the command line's. */
  advanceMs(ms: number): void;
}

/** Time at which both clocks begin, in milliseconds since the Unix epoch. */
const START_MS = 1_000;

export async function besideKeys(
  work: (world: KeyWorld) => Promise<void>,
  options: KeysEngineOptions & { readonly interactive?: boolean } = {},
): Promise<void> {
  const engine = await keysEngine({ startMs: START_MS, ...options });
  const node = fakeNode({ host: "127.0.0.1", port: 7401 }, { keys: engine.channel });
  const world = nxWorld({
    startNode: () => Promise.resolve(node),
    interactive: options.interactive === true,
  });
  const up = runNx(["up", "--no-supervise", "--json"], world.ports);
  await settled();
  const nx = async (...argv: readonly string[]): Promise<KeyRun> => {
    const before = [world.out().length, world.error().length, world.outBytes().length] as const;
    const code = await runNx(["key", ...argv], world.ports);
    return {
      code,
      out: world.out().slice(before[0]),
      error: world.error().slice(before[1]),
      bytes: world.outBytes().slice(before[2]),
    };
  };
  await work(Object.assign(world, {
    keys: new NexusKeys(engine.channel),
    nx,
    async json(...argv: readonly string[]) {
      const { code, out, error } = await nx(...argv, "--json");
      if (code !== 0) throw new TypeError(`nx key ${argv.join(" ")}: ${code} ${error}`);
      return JSON.parse(out);
    },
    put: (path: string, bytes: Uint8Array | string) =>
      world.files.put(path, {
        kind: "file",
        ...typeof bytes === "string" ? { text: bytes } : { bytes },
      }),
    file(path: string) {
      const facts = world.files.facts(path);
      if (facts === undefined) throw new FileFailure("not_found", path);
      return { bytes: world.files.readBytes(path, Infinity), mode: facts.mode };
    },
    advanceMs(ms: number) {
      engine.advanceMs(ms);
      world.clock.advanceMs(ms);
    },
  }));
  world.signal("SIGINT");
  await up;
}

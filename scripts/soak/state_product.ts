import { hostEntropy } from "@hw/host/entropy.ts";
import { hostStateFolders } from "@hw/host/state_folder.ts";
import { toHex } from "@runtime/core/hex.ts";
import type { StatePorts } from "@runtime/core/state_ports.ts";
import { checkState } from "@services/statefsd/client/check_state.ts";
import { StateFailure } from "@services/statefsd/client/state_failure.ts";
import { withStoredNode } from "@services/statefsd/client/stored_node.ts";
import type { NxProcess, NxWorld } from "@tests/os/nx_process.ts";

/** When a node is killed: so many milliseconds after its console had so many lines. */
export interface NodeMoment {
  readonly events: number;
  readonly milliseconds: number;
}

const ROUNDS_PER_FOLDER = 4;
const SIZE = "1MiB";
const PORTS: StatePorts = {
  host: hostStateFolders(),
  entropy: hostEntropy(),
  admitKeys: () => Promise.resolve(),
};

/** A whole node on a state directory, killed and started again: it must stay who it is. */
export class ProductRounds {
  readonly #world: NxWorld;
  #rounds = 0;
  /** Who the node of this folder is, once anybody could have seen it. */
  #device: string | undefined;

  constructor(world: NxWorld) {
    this.#world = world;
  }

  /** The state directory of this round. */
  get folder(): string {
    return `${this.#world.folder}/state-${Math.floor(this.#rounds / ROUNDS_PER_FOLDER)}`;
  }

  /** @throws {Error} that says what was wrong. */
  async run(moment: NodeMoment): Promise<void> {
    const { folder } = this;
    if (this.#rounds % ROUNDS_PER_FOLDER === 0) this.#device = undefined;
    await killed(this.#started(), moment);
    await this.#compare(folder, "after the kill");
    const again = this.#started();
    await again.event(({ event }) => event === "ready");
    again.kill("SIGKILL");
    await again.ended;
    await this.#compare(folder, "once it was ready again");
    if (this.#device === undefined) throw new Error("a node that was ready has no identity");
    this.#rounds += 1;
  }

  #started(): NxProcess {
    return this.#world.start("up", "--state", this.folder, "--size", SIZE, "--no-control");
  }

  async #compare(folder: string, when: string): Promise<void> {
    const device = await deviceIn(folder);
    if (this.#device !== undefined && device !== this.#device) {
      throw new Error(`the device was ${this.#device} and is ${device ?? "nobody"} ${when}`);
    }
    this.#device = device;
  }
}

async function killed(process: NxProcess, { events, milliseconds }: NodeMoment): Promise<void> {
  if (events > 0) await process.event(() => process.events.length >= events);
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  process.kill("SIGKILL");
  await process.ended;
}

/**
 * Who the node of a state directory is; `undefined` before it ever was anybody. A copy is opened: the
 * node is to find the directory as it was left.
 *
 * @throws {Error} when the image is beyond repair.
 */
export async function deviceIn(folder: string): Promise<string | undefined> {
  if (PORTS.host.look(folder) === undefined) return undefined;
  const copy = await copyOf(folder);
  try {
    const identity = await withStoredNode(PORTS, copy, {
      passphrase: undefined,
      unixMs: () => 0,
      work: (node) => Promise.resolve(node.identity),
    });
    const { exitCode } = await checkState(PORTS, copy, { mode: "judge" });
    if (exitCode === 2) throw new Error("fsck found the image beyond repair: exit code 2");
    return identity && toHex(identity.verifyingKey);
  } catch (error) {
    if (error instanceof StateFailure && error.code === "absent") return undefined;
    throw error;
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

async function copyOf(folder: string): Promise<string> {
  const copy = await Deno.makeTempDir({ prefix: "nx-state-" });
  for await (const { name } of Deno.readDir(folder)) {
    await Deno.copyFile(`${folder}/${name}`, `${copy}/${name}`);
  }
  return copy;
}

/**
 * Processes that work on an image in a file are killed without warning, and everything that they
 * acknowledged must be there afterwards.
 *
 * A killed process takes nothing of the host's page cache with it. So this shows that an answer comes
 * after its write, that one process's death leaves no half of anything, and that the next one gets the
 * file and goes on; it says nothing of a host that loses its power. That is simulated, write by write:
 * `services/statefsd/crash_test.ts`.
 *
 * @module
 */

import { openDiskFile } from "@hw/host/disk_file.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import { choices } from "@tests/fakes/random.ts";
import { inWorld, type NxWorld } from "@tests/os/nx_process.ts";
import { repeated, type SoakBudget, type SoakCheck, type SoakResult } from "./check.ts";
import { StateModel } from "./state_model.ts";
import { type NodeMoment, ProductRounds } from "./state_product.ts";
import { type KillMoment, StateVictim } from "./state_victim.ts";
import { stateSteps } from "./state_workload.ts";

const WRITER = new URL("state_writer.ts", import.meta.url).pathname;
/** One case in so many is a whole node. */
const PRODUCT_EVERY = 10;
const ROUNDS_PER_IMAGE = 25;
/** Rounds of a new image in which the writer hardly comes beyond its format. */
const EARLY_ROUNDS = 3;
const SEED_LIMIT = 2 ** 20;

/** Writers and whole nodes on real files, killed time after time. */
export const stateKill: SoakCheck = {
  name: "kill -9 on /state",
  share: 12,
  fullCases: 1_000,
  oneCase: "a kill, of a process that writes to an image or, each tenth, of a whole node; and " +
    "everything that was acknowledged is there",
  async run(budget) {
    let result: SoakResult = { cases: 0, failures: ["it did not begin"] };
    const [drawn = 0] = crypto.getRandomValues(new Uint32Array(1));
    const seed = drawn % SEED_LIMIT;
    await inWorld(async (world) => {
      result = await killRounds(budget, { world, seed });
    });
    return result;
  },
};

async function killRounds(
  budget: SoakBudget,
  { world, seed }: { readonly world: NxWorld; readonly seed: number },
): Promise<SoakResult> {
  const writers = new WriterRounds({ folder: world.folder, seed });
  const product = new ProductRounds(world);
  try {
    return await repeated(budget, async (index) => {
      if (index % PRODUCT_EVERY !== PRODUCT_EVERY - 1) return await writers.run();
      const moment = nodeMoment(choices(seed + index));
      const what = `a node, seed ${seed}, killed ${moment.milliseconds} ms after ` +
        `${moment.events} lines`;
      await keeping(what, product.folder, () => product.run(moment));
    });
  } finally {
    await writers.end();
  }
}

/** Which writers are killed, and where their images lie. */
export interface WriterPlan {
  readonly folder: string;
  readonly seed: number;
  /** The program; the tests have one that lies. */
  readonly program?: string;
}

/** Writers on one image after the other. */
export class WriterRounds {
  readonly #plan: Required<WriterPlan>;
  #round = 0;
  #model = new StateModel();
  #next: StateVictim | undefined;

  constructor(plan: WriterPlan) {
    this.#plan = { program: WRITER, ...plan };
  }

  /** @throws {Error} that says what was wrong, in which round, and where the image is kept. */
  async run(): Promise<void> {
    const { seed } = this.#plan;
    const round = this.#round++;
    const age = round % ROUNDS_PER_IMAGE;
    if (age === 0) this.#model = new StateModel();
    const victim = this.#next ?? this.#started(round);
    this.#next = this.#started(round + 1);
    const moment = killMoment(choices(seed ^ round), age);
    const path = this.#imageOf(round);
    const what = `a writer, seed ${seed}, round ${round}, killed after ${moment.count} ` +
      moment.after;
    await keeping(what, path, async () => {
      const answers = await victim.killed(moment);
      const image = await imageIn(path);
      await this.#model.judge({ steps: stateSteps(seed, round), answers, image });
    });
    if (age === ROUNDS_PER_IMAGE - 1) await Deno.remove(path);
  }

  /** Ends the writer that was started for a round that does not come. */
  async end(): Promise<void> {
    await this.#next?.discard();
    this.#next = undefined;
  }

  #started(round: number): StateVictim {
    const { program, seed } = this.#plan;
    return new StateVictim({ program, image: this.#imageOf(round), seed, round });
  }

  #imageOf(round: number): string {
    return `${this.#plan.folder}/${Math.floor(round / ROUNDS_PER_IMAGE)}.img`;
  }
}

type Choose = (below: number) => number;

function killMoment(choose: Choose, age: number): KillMoment {
  if (age < EARLY_ROUNDS) return { after: "milliseconds", count: choose(12) };
  return choose(2) === 0
    ? { after: "milliseconds", count: choose(120) }
    : { after: "answers", count: 1 + choose(300) };
}

/** From the first start on, or from a line on: some come before the disk is used, most behind. */
function nodeMoment(choose: Choose): NodeMoment {
  return choose(3) === 0
    ? { events: 0, milliseconds: 100 + choose(500) }
    : { events: 20 + choose(23), milliseconds: choose(60) };
}

/** Reads an image as it lies there; whoever had it is dead, and its lock with it. */
async function imageIn(path: string): Promise<Uint8Array | undefined> {
  try {
    const disk = openDiskFile({ path, readOnly: true, id: "soak" });
    try {
      const image = new Uint8Array(disk.sectorCount * 512);
      const status = await disk.read(0, image);
      if (status !== "ok") throw new Error(`the image cannot be read: ${status}`);
      return image;
    } finally {
      await disk.close();
    }
  } catch (error) {
    if (error instanceof FileFailure && error.code === "not_found") return undefined;
    throw error;
  }
}

/** Does a round. What it worked on is kept when it fails, and the failure says where. */
async function keeping(what: string, path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${what}: ${why}; kept in ${await keptCopy(path)}`, { cause: error });
  }
}

/** @returns A folder that holds a copy of the file, or of each file of the folder. */
async function keptCopy(path: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "nx-state-kill-" });
  const facts = await Deno.stat(path).catch(() => undefined); // a path at which nothing is yet
  if (facts?.isFile) await Deno.copyFile(path, `${folder}/state.img`);
  if (facts?.isDirectory) {
    for await (const { name } of Deno.readDir(path)) {
      await Deno.copyFile(`${path}/${name}`, `${folder}/${name}`);
    }
  }
  return folder;
}

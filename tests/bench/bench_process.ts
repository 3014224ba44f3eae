/** Processes of a benchmark: a server, and a client that measures against it. */

import type { Isolation } from "@runtime/boot/placement.ts";

const HERE = new URL(".", import.meta.url).pathname;

/** One measurement between two fresh processes. */
export interface Pair {
  /** Module of the contender, beside this one. */
  readonly file: string;
  readonly job: string;
  /** Both ends on one CPU. */
  readonly pinned: boolean;
  /** Where the daemons of nodes live; beside one another unless said. */
  readonly isolation?: Isolation;
}

const hasTaskset = await new Deno.Command("which", { args: ["taskset"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

function spawned(args: string[], pinned: boolean, isolation = "inline"): Deno.ChildProcess {
  const deno = Deno.execPath();
  const flags = (Deno.env.get("BENCH_FLAGS") ?? "").split(" ").filter((flag) => flag !== "");
  const all = ["run", "-A", "--no-check", "--quiet", ...flags, ...args];
  const [command, front] = pinned && hasTaskset ? ["taskset", ["-c", "0", deno]] : [deno, []];
  return new Deno.Command(command, {
    args: [...front, ...all],
    env: { BENCH_ISOLATION: isolation },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

/** The first JSON object with `key` that a process prints. */
async function told<V>(
  child: Deno.ChildProcess,
  key: string,
  wanted: (value: V) => boolean = () => true,
): Promise<V> {
  const text = new TextDecoder();
  let pending = "";
  for await (const bytes of child.stdout) {
    pending += text.decode(bytes, { stream: true });
    const lines = pending.split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("{")) continue;
      const value: Record<string, V> = JSON.parse(line);
      if (value[key] !== undefined && wanted(value[key])) return value[key];
    }
  }
  throw new Error(`a benchmark process ended without ${key}`);
}

async function end(child: Deno.ChildProcess): Promise<void> {
  await child.stdin.close().catch(() => {});
  await child.status;
}

/** Measures between two fresh processes. */
export const Ends = {
  async measure({ file, job, pinned, isolation }: Pair): Promise<number> {
    const server = spawned([HERE + file, "serve"], pinned, isolation);
    try {
      const address = await told<string | number>(server, "port");
      const client = spawned([HERE + file, job, String(address)], pinned, isolation);
      const value = await told<number>(client, "value");
      await end(client);
      return value;
    } finally {
      await end(server);
    }
  },
};

/** The median time from starting a process to its first value, in milliseconds. */
export async function coldStart(file: string, count: number): Promise<number> {
  const took: number[] = [];
  for (let run = 0; run < count; run++) {
    const start = performance.now();
    const child = spawned([HERE + file, "start"], false);
    await told(child, "value");
    took.push(performance.now() - start);
    await end(child);
  }
  return took.sort((left, right) => left - right)[count >> 1] ?? NaN;
}

/** How long `nx up` takes until its node is ready, in milliseconds, and what its process then holds. */
export async function startedNode(
  isolation: Isolation,
): Promise<{ readonly readyMs: number; readonly memoryMb: number }> {
  const program = new URL("../../main.ts", import.meta.url).pathname;
  const start = performance.now();
  const options = ["--no-supervise", "--no-control", "--json", "--child", "--isolation", isolation];
  const child = spawned([program, "up", ...options], false);
  await told<string>(child, "event", (event) => event === "ready");
  const readyMs = performance.now() - start;
  const status = await Deno.readTextFile(`/proc/${child.pid}/status`);
  const [, kb = "NaN"] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  await end(child);
  return { readyMs, memoryMb: Number(kb) / 1e3 };
}

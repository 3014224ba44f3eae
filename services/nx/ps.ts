import { TASK_STATES } from "@runtime/boot/protocol.ts";
import type { Command } from "commander";
import { EXIT } from "./exit_code.ts";
import { printable, table } from "./output.ts";
import {
  askNode,
  type ControlClient,
  type NodeChoice,
  okReply,
  type Shell,
  withNodeOptions,
} from "./shell.ts";

const EXAMPLES = `
One row a daemon: its isolate, its state (starting, serving, backing_off while it waits to be started
again, stopped for good), how often it was started again and why it ended last; the memory of its
isolate, ? where that cannot be told; requests since its task was made, and the share of that time in
which at least one was between delivery and reply, those that wait for something included; messages
that wait at its endpoints, of as many as may; and what it holds: send and receive rights, memory
objects, devices. A node that goes on without a daemon says so as degraded.

Examples:
  nx ps
  nx ps --node 7402 --json
`;

const HEADS = [
  "DAEMON",
  "ISOLATE",
  "STATE",
  "RESTARTS",
  "MEMORY",
  "FRAMES",
  "BUSY",
  "QUEUES",
  "RIGHTS",
  "LAST FAULT",
];

const BYTES_PER_MIB = 1 << 20;

/** `nx ps`: every daemon of a node, and how it fares. */
export function addPs(program: Command, shell: Shell): void {
  withNodeOptions(program.command("ps"))
    .description("list the daemons of a node and how they fare")
    .addHelpText("after", EXAMPLES)
    .action((options: NodeChoice) => showDaemons(shell, options));
}

type Overview = Extract<Awaited<ReturnType<ControlClient["ps"]>>, { readonly status: "ok" }>;
type Daemon = Overview["tasks"][number];

async function showDaemons(shell: Shell, options: NodeChoice): Promise<void> {
  const overview = okReply(await askNode(shell, options, (client) => client.ps({})), "ps");
  const { output } = shell;
  if (options.json) {
    output.json(nodeFacts(overview));
    overview.tasks.forEach((daemon, index) => output.json(daemonFacts(overview, daemon, index)));
  } else {
    for (const { what, task } of overview.degraded) {
      output.line(`degraded: ${printable(what)} ${printable(task)}`);
    }
    const rows = overview.tasks.map((daemon, index) => rowOf(overview, daemon, index));
    table(HEADS, rows).forEach(output.line);
    const { placement, inspector } = overview;
    output.line(`isolation ${printable(placement)}, inspector ${printable(inspector)}`);
  }
  shell.finish(EXIT.ok);
}

function nodeFacts({ placement, inspector, degraded }: Overview) {
  return { node: { isolation: printable(placement), inspector: printable(inspector), degraded } };
}

function daemonFacts(overview: Overview, daemon: Daemon, index: number) {
  const { name, isolate, restarts, fault, memoryBytes, frames, send, receive, vmo, mmio } = daemon;
  return {
    daemon: name,
    isolate,
    state: stateOf(daemon),
    restarts,
    lastFault: fault === "" ? null : printable(fault),
    memoryBytes: memoryBytes === 0n ? null : memoryBytes,
    frames,
    busy: busyOf(daemon),
    queues: queuesOf(overview, index).map(({ endpoint, waiting, depth }) => {
      return { endpoint, waiting, depth };
    }),
    rights: { send, receive, vmo, mmio },
  };
}

function rowOf(overview: Overview, daemon: Daemon, index: number): readonly string[] {
  const { name, isolate, restarts, fault, memoryBytes, frames, send, receive, vmo, mmio } = daemon;
  const queues = queuesOf(overview, index).map(({ waiting, depth }) => `${waiting}/${depth}`);
  return [
    printable(name),
    printable(isolate),
    stateOf(daemon),
    String(restarts),
    memoryBytes === 0n ? "?" : `${(Number(memoryBytes) / BYTES_PER_MIB).toFixed(1)}MiB`,
    String(frames),
    `${(busyOf(daemon) * 100).toFixed(1)}%`,
    queues.join(" ") || "-",
    `send ${send} recv ${receive} vmo ${vmo} mmio ${mmio}`,
    printable(fault) || "-",
  ];
}

function stateOf({ state }: Daemon): string {
  return TASK_STATES[state] ?? "unknown";
}

/** Share of its task's life, 0..1. */
function busyOf({ busyNs, ageNs }: Daemon): number {
  return ageNs === 0n ? 0 : Math.round(Number(busyNs) / Number(ageNs) * 1e4) / 1e4;
}

function queuesOf({ queues }: Overview, index: number): Overview["queues"] {
  return queues.filter(({ task }) => task === index);
}

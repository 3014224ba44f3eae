import { type Command, Option } from "commander";
import { PING_COUNT_MAX, PING_SIZE_MAX, PING_WINDOW_MAX } from "../dsoftbusd/protocol.ts";
import { PEER_TEXT, peerArgument } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { waitOption } from "./up_options.ts";
import {
  askNode,
  type ControlClient,
  type NodeChoice,
  okReply,
  type Shell,
  wholeNumber,
  withNodeOptions,
} from "./shell.ts";

const COUNT = 4;
const SIZE = 56;
const WAIT_MS = 5_000;
/** How much longer than the node the command waits for its answer. */
const MARGIN_MS = 3_000;
const EXAMPLES = `
PEER is a device id or the beginning of it, as nx peers shows it; any is whichever peer answers.
Each ping is an encrypted frame on channel 1, answered by the peer's daemon.

Examples:
  nx ping 4f2a
  nx ping 4f2a --count 1000 --size 64 --window 16 --node 7402
`;

interface PingOptions extends NodeChoice {
  readonly count: number;
  readonly size: number;
  readonly window: number;
  readonly timeout: number;
}

/** `nx ping`: the way to a peer and back. */
export function addPing(program: Command, shell: Shell): void {
  withNodeOptions(program.command("ping"))
    .description("measure the way to a peer and back")
    .argument("<peer>", PEER_TEXT, peerArgument)
    .option("--count <n>", "pings", wholeNumber(1, PING_COUNT_MAX), COUNT)
    .option("--size <bytes>", "payload of each", wholeNumber(0, PING_SIZE_MAX), SIZE)
    .option("--window <n>", "pings on their way together", wholeNumber(1, PING_WINDOW_MAX), 1)
    .addOption(
      new Option(
        "--timeout <duration>",
        "for each answer, with --window for all together; 1ms to 60s",
      ).argParser(waitOption).default(WAIT_MS, "5s"),
    )
    .addHelpText("after", EXAMPLES)
    .action((peer: string, options: PingOptions) => ping(shell, peer, options));
}

async function ping(shell: Shell, peer: string, options: PingOptions): Promise<void> {
  await askNode(shell, options, async (client) => {
    const rounds = options.window > 1 ? [options.count] : Array(options.count).fill(1);
    const told: Times[] = [];
    for (const count of rounds) {
      const times = await pingOnce(client, peer, { ...options, count });
      told.push(times);
      if (options.window === 1) report(shell, options, { times, sequence: told.length });
    }
    summarise(shell, options, told);
  });
  shell.finish(EXIT.ok);
}

/** One exchange of pings. */
export interface Times {
  readonly deviceId: string;
  readonly count: number;
  readonly minNs: number;
  readonly meanNs: number;
  readonly maxNs: number;
  readonly totalNs: number;
}

/** Has a node ping a peer once or `count` times. @throws {CommandFailure} when it cannot. */
export async function pingOnce(
  client: ControlClient,
  peer: string,
  { count, size, window, timeout: timeoutMs }: Pick<
    PingOptions,
    "count" | "size" | "window" | "timeout"
  >,
): Promise<Times> {
  const request = { peer, count, size, window, timeoutMs };
  const reply = await client.ping(request, { timeoutMs: timeoutMs + MARGIN_MS });
  const { deviceId, ...times } = okReply(reply, `ping ${peer}`);
  return {
    deviceId,
    count: times.count,
    minNs: Number(times.minNs),
    meanNs: Number(times.meanNs),
    maxNs: Number(times.maxNs),
    totalNs: Number(times.totalNs),
  };
}

function report(
  { output }: Shell,
  { json, size }: PingOptions,
  { times, sequence }: { readonly times: Times; readonly sequence: number },
): void {
  const { deviceId, meanNs } = times;
  if (json) output.json({ deviceId, sequence, size, timeNs: meanNs });
  else output.line(`${size} bytes from ${deviceId.slice(0, 16)}: seq=${sequence} ${inMs(meanNs)}`);
}

function summarise({ output }: Shell, { json, size }: PingOptions, told: readonly Times[]): void {
  const count = told.reduce((sum, times) => sum + times.count, 0);
  const totalNs = told.reduce((sum, times) => sum + times.totalNs, 0);
  const minNs = Math.min(...told.map((times) => times.minNs));
  const maxNs = Math.max(...told.map((times) => times.maxNs));
  const meanNs = told.reduce((sum, times) => sum + times.meanNs * times.count, 0) / count;
  const deviceId = told[0]?.deviceId ?? "";
  if (json) output.json({ deviceId, count, size, minNs, meanNs, maxNs, totalNs });
  else {
    output.line(
      `${count} answered, min ${inMs(minNs)}, mean ${inMs(meanNs)}, max ${inMs(maxNs)}`,
    );
  }
}

function inMs(ns: number): string {
  return `${(ns / 1e6).toFixed(3)} ms`;
}

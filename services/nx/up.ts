import { type Command, Option } from "commander";
import type { HostAddress } from "@runtime/core/ports.ts";
import type { Reach } from "@runtime/core/program_ports.ts";
import type { Isolation } from "@runtime/boot/placement.ts";
import { DIALS_MAX } from "../dsoftbusd/protocol.ts";
import { nodeStateOf } from "../statefsd/client/node_state.ts";
import { openState } from "../statefsd/client/open_state.ts";
import type { PeerAddress } from "./address.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { reachAt, reachOf } from "./node_reach.ts";
import { type AskedNode, NodeRun, type RunPlan } from "./node_run.ts";
import { losingOutput } from "./output.ts";
import { type PassphraseChoice, sourceOf, withPassphrases } from "./passphrase.ts";
import { progressOver } from "./progress.ts";
import { type Profile, PROFILES } from "./ports.ts";
import { RESTART_WINDOW_MS, RESTARTS_MAX } from "./restart_budget.ts";
import {
  refuseOutside,
  SANDBOX_PROFILES,
  SANDBOX_RULES,
  type SandboxProfile,
} from "./sandbox_profiles.ts";
import { type Shell, wholeNumber } from "./shell.ts";
import { pathOption, SECTORS_DEFAULT, sizeOption, withPassphraseOption } from "./state_options.ts";
import { type SupervisePlan, Supervisor } from "./supervise.ts";
import { declaredLine } from "./until_line.ts";
import {
  draftOption,
  durationOption,
  isolationOption,
  listenOption,
  peerOption,
  portOption,
  seedOption,
  untilOption,
} from "./up_options.ts";

const PER_ADDRESS_MAX = 65_535;
const WINDOW_MINUTES = RESTART_WINDOW_MS / 60_000;
const EXAMPLES = `
The node runs in the foreground and prints its console, under a supervisor: the process that is started
holds no key of the node, starts the node as a second one, passes signals on, and ends with the node's exit code.
It starts the node again, on the port it had, when it was killed, died of memory exhaustion or crashed
otherwise, or asks for it (exit code 75): with --state as the same device, without as a new one; each time it waits longer, and after
${RESTARTS_MAX} restarts within ${WINDOW_MINUTES} minutes it gives up with exit code 1. With --no-supervise the node runs in
this process and nothing starts it again.

The node ends in order, with exit code 0, at SIGINT, SIGTERM or SIGHUP (a closed terminal: setsid
keeps a node from it) and at the line named with --until; also after --timeout. A daemon that faults
is started again, and nx ps shows it; when one does not answer any more, the node ends in order with
exit code 75. A signal in the moment in which the program itself is being loaded ends it as it would
any other: a shell then shows 130 or 143.

Other commands reach it over its control socket, in $XDG_RUNTIME_DIR/nexus/<listen port>, or
pid-<process id> where it does not listen. A port names one node, whatever its address.

A passphrase that is asked for is asked for once: the process that is started keeps it, and tells it to
the node at each start.

A console that cannot be written, as on a full disk, is said once on standard error and lost; the node
goes on. So it does, without a word, when nobody reads its console any more.

A peer is dialled until it answers, and again whenever its session ends. A name that leads nowhere
yet is looked up again, with growing waits.

Examples:
  nx up --listen 127.0.0.1:7401
  nx up --listen 127.0.0.1:7402 --peer 127.0.0.1:7401
  nx up --peer nx://DEVICE_ID@192.0.2.7:7401              only that device will do
  nx up --peer nx://DEVICE_ID@192.0.2.7:7401?static=HEX   a peer that answers no announce
  nx up --state ./node-a                                  the same device at each start
  nx up --until "init: ready" --timeout 10s
`;

/** `nx up`'s options as they were parsed. */
export interface UpOptions extends PassphraseChoice {
  readonly listen?: HostAddress;
  readonly advertise?: number;
  readonly peer?: readonly PeerAddress[];
  readonly profile: Profile;
  readonly isolation: Isolation;
  readonly seed?: string;
  readonly perAddress?: number;
  readonly until?: string;
  /** Milliseconds; 0 is no limit. */
  readonly timeout?: number;
  readonly json?: true;
  readonly control: boolean;
  readonly sandbox?: SandboxProfile;
  readonly selftest?: true;
  readonly state?: string;
  readonly size?: number;
  readonly supervise: boolean;
  readonly child?: true;
  /** Of a node under a supervisor: the file that tells it what happened. */
  readonly report?: string;
  /** Name of its control socket while that is made. */
  readonly draft?: string;
  /** Of one that was started again: the port that it had. */
  readonly keptPort?: number;
  /** The same: what is left of its time, in milliseconds. */
  readonly timeLeft?: number;
}

/** Where it is reached, and whom it dials. */
function withNetwork(command: Command): Command {
  return command
    .option(
      "--listen <host:port>",
      "where peers connect, port 0 lets the host choose; nobody can connect unless said",
      listenOption,
    )
    .option("--advertise <port>", "port to announce, where it is not the one above", portOption)
    .option(
      "--peer <address>",
      `HOST:PORT or nx://DEVICE_ID@HOST:PORT; up to ${DIALS_MAX} times`,
      peerOption,
    );
}

/** What it keeps, and where. */
function withStateFolder(command: Command): Command {
  const withFolder = command
    .option(
      "--state <dir>",
      "where the node keeps what it must not forget; made when it is absent or empty",
      pathOption,
    )
    .addOption(
      new Option("--size <bytes>", "of the image in a new --state: 64MiB unless said")
        .argParser(sizeOption),
    )
    .addOption(new Option("--passphrase-input", "a supervisor tells it").hideHelp());
  return withPassphraseOption(withFolder);
}

/** `nx up`: a node in the foreground. */
export function addUp(program: Command, shell: Shell): void {
  withStateFolder(withNetwork(program.command("up")))
    .description("run a node in the foreground")
    .addOption(
      new Option("--profile <name>", "how careful the node is").choices(PROFILES).default("dev"),
    )
    .option("--seed <text>", "INSECURE: draw every key from this; profile test only", seedOption)
    .addOption(isolationOption())
    .option(
      "--per-address <n>",
      "connections of one address",
      wholeNumber(1, PER_ADDRESS_MAX),
    )
    .option(
      "--until <marker>",
      "end with 0 when the console shows this line, one that a daemon declares",
      untilOption,
    )
    .option(
      "--timeout <duration>",
      "end with 124 so long after the start, --until or not; 0 is no limit",
      durationOption,
    )
    .option(
      "--selftest",
      "prove the node line by line on its console; on when --until asks for such a line",
    )
    .option("--json", "one JSON object a line: markers and events")
    .addOption(
      new Option("--sandbox <profile>", "refuse, and do, nothing beyond it; nx sandbox shows each")
        .choices(SANDBOX_PROFILES),
    )
    .option("--no-control", "no control socket")
    .option("--no-supervise", "run the node in this process: nothing starts it again")
    .addOption(new Option("--child", "end when standard input does").hideHelp())
    .addOption(new Option("--report <file>", "tell a supervisor").hideHelp())
    .addOption(new Option("--draft <name>", "of its socket").argParser(draftOption).hideHelp())
    .addOption(
      new Option("--kept-port <port>", "in the place of 0").argParser(portOption).hideHelp(),
    )
    .addOption(new Option("--time-left <ms>", "of --timeout").argParser(durationOption).hideHelp())
    .addHelpText("after", EXAMPLES)
    .action((options: UpOptions) => up(shell, options));
}

/** What a profile leaves of what was asked. @throws {CommandFailure} for an address beyond it. */
function sandboxed(options: UpOptions): UpOptions {
  const { sandbox, listen, peer = [], state } = options;
  if (sandbox === undefined) return options;
  refuseOutside(sandbox, { listen, peers: peer, state });
  if (SANDBOX_RULES[sandbox].writes) return options;
  const { report: _, ...rest } = options;
  return { ...rest, control: false };
}

/** How the selftest's lines begin. */
const SELFTEST_LINE = "SELFTEST:";

async function up(shell: Shell, asked: UpOptions): Promise<void> {
  const options = sandboxed(asked);
  refuseContradictions(options);
  if (options.supervise) {
    await supervise(shell, options);
  } else {
    const { confined } = shell.ports;
    if (confined === undefined) await runHere(shell, options);
    else shell.finish(await confined(shell.argv, await reachFor(shell, options)));
  }
}

/** The node reads a file by itself. Whoever sits at the terminal is asked here, once for all its starts. */
async function supervise(shell: Shell, options: UpOptions): Promise<void> {
  const plan = supervisePlan(options, await reachFor(shell, options));
  const source = sourceOf(shell, options, options.state);
  const asked = source?.kind === "file" ? undefined : source;
  const exitCode = await withPassphrases(shell, [asked], ([passphrase]) => {
    return new Supervisor(shell, { ...plan, passphrase }).toEnd();
  });
  shell.finish(exitCode);
}

/** What the node must reach; as itself, or as its supervisor for it. */
async function reachFor(
  { ports }: Shell,
  { listen, peer = [], control, report, draft = `${ports.processes.id}`, keptPort, ...options }:
    UpOptions,
): Promise<Reach> {
  const { state, passphraseFile } = options;
  const asked = { listen, peers: peer, control, report, draft, state, passphraseFile };
  const reach = await reachOf(ports, asked);
  return listen?.port === 0 ? reachAt(reach, keptPort) : reach;
}

function supervisePlan(options: UpOptions, reach: Reach): Omit<SupervisePlan, "passphrase"> {
  return {
    reach,
    reports: options.sandbox === undefined || SANDBOX_RULES[options.sandbox].writes,
    timeoutMs: timeoutOf(options),
    anyPort: options.listen?.port === 0,
    child: options.child === true,
    json: options.json === true,
  };
}

function timeoutOf({ timeout, timeLeft = timeout }: UpOptions): number | undefined {
  return timeLeft === 0 ? undefined : timeLeft;
}

async function runHere(shell: Shell, options: UpOptions): Promise<void> {
  const output = losingOutput(shell.output, ({ message }) => {
    shell.output.complain(`${message}: the console is lost, the node goes on`);
  });
  if (options.seed !== undefined) {
    output.complain("INSECURE: every key of this node comes from the seed on its command line");
  }
  const state = await heldState(shell, options);
  const run = new NodeRun({ ...shell, output }, {
    state,
    until: options.until,
    timeoutMs: timeoutOf(options),
    child: options.child === true,
    control: options.control,
    json: options.json === true,
    report: options.report,
  });
  const end = await run.toEnd(nodeOptions(options)).finally(() => state?.held.close());
  if (options.json) output.json({ event: "stopped", reason: end.reason });
  else if (end.complaint !== undefined) output.complain(end.complaint);
  shell.finish(end.exitCode);
}

function refuseContradictions(options: UpOptions): void {
  const { seed, profile, advertise, listen, until, state, size } = options;
  if (state === undefined && (size ?? options.passphraseFile ?? options.passphrase) !== undefined) {
    throw new CommandFailure(EXIT.usage, "--size and a passphrase need --state DIR");
  }
  if (until !== undefined) declaredLine(until);
  if (seed !== undefined && profile !== "test") {
    throw new CommandFailure(
      EXIT.usage,
      `--seed is refused under --profile ${profile}: its keys are no secret; use --profile test`,
    );
  }
  if (advertise !== undefined && listen === undefined) {
    throw new CommandFailure(EXIT.usage, "--advertise needs --listen: nobody could connect");
  }
}

/** The state directory that was asked for, this process's until it is closed. */
function heldState(shell: Shell, options: UpOptions): Promise<RunPlan["state"]> {
  const { state, size = SECTORS_DEFAULT } = options;
  if (state === undefined) return Promise.resolve(undefined);
  const source = sourceOf(shell, options, state);
  return withPassphrases(shell, [source], async ([passphrase]) => {
    await shell.ports.state.admitKeys();
    const progress = progressOver(shell, "opening the state directory:");
    const ask = { passphrase, create: { sectorCount: size }, progress };
    return { held: nodeStateOf(await openState(shell.ports.state, state, ask)), path: state };
  });
}

function nodeOptions(options: UpOptions): AskedNode {
  const { listen, keptPort } = options;
  return {
    listen: listen?.port === 0 && keptPort !== undefined ? { ...listen, port: keptPort } : listen,
    advertise: options.advertise,
    peers: options.peer ?? [],
    profile: options.profile,
    isolation: options.isolation,
    seed: options.seed,
    perAddress: options.perAddress,
    selftest: options.selftest === true || (options.until?.startsWith(SELFTEST_LINE) ?? false),
  };
}

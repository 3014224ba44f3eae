import { type Command, Option } from "commander";
import type { Clock, Turns } from "@runtime/core/ports.ts";
import type { Processes } from "@runtime/core/program_ports.ts";
import { LEVELS, RING } from "../logd/protocol.ts";
import { scopeOption, senderOption, subjectOption } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { addLogExport } from "./log_export.ts";
import { LogFollower } from "./log_follow.ts";
import { type AskPage, type LogRecord, newestRecords } from "./log_pages.ts";
import { chosen, lineOf, nodeTimeOf, textOf } from "./log_record.ts";
import { LIMIT, LIMIT_MAX, limitOf, showStored, type StoredLogChoice } from "./log_stored.ts";
import { addLogVerify } from "./log_verify.ts";
import { momentOption } from "./moment.ts";
import { jsonText } from "./output.ts";
import { type ControlClient, okReply, type Shell, wholeNumber, withNodeOptions } from "./shell.ts";
import { withPassphraseOption } from "./state_options.ts";
import { askNodeOrState, type StoredChoice } from "./stored_node.ts";

/** Between two questions of `--follow`. */
const FOLLOW_INTERVAL_MS = 500;
/** How long a node may take to answer one. */
const ANSWER_TIMEOUT_MS = 5_000;
const EXAMPLES = `
The journal holds what daemons say; the audit ring holds every decision of policyd.
Conditions add up. Every question to the node is a decision too: a followed audit ring shows them.

Of a node that does not run, --state shows what it kept, of all its boots, with the time of each record;
nx log verify says whether anybody tampered with it.

Examples:
  nx log --limit 20
  nx log --service netstackd --level warn --since 10m
  nx log --since 2026-01-31T10:00Z --json
  nx log --follow
  nx log --audit --subject nx-cli
  nx log --state ./node-a --since 1h
  nx log --audit --subject peer:DEVICE_ID --json
`;

interface LogOptions extends StoredChoice, StoredLogChoice {
  readonly audit?: true;
  readonly follow?: true;
}

/** `nx log`: the journal, or the decisions; and the log that is kept. */
export function addLog(program: Command, shell: Shell): void {
  const log = withPassphraseOption(withNodeOptions(program.command("log")))
    .enablePositionalOptions()
    .description("show a node's journal, or the decisions of its policy")
    .option(
      "--limit <n>",
      `newest records to show; ${LIMIT}, or with --since all, unless said`,
      wholeNumber(1, LIMIT_MAX),
    )
    .option("--audit", "decisions in the place of the journal")
    .option("--scope <prefix>", "only records whose scope begins so", scopeOption, "")
    .option("--service <name>", "only records that this daemon sent", senderOption)
    .option("--subject <name>", "only records about this subject, or sent by it", subjectOption)
    .addOption(
      new Option("--level <name>", "only records of this level and more severe ones").choices(
        LEVELS,
      ),
    )
    .option(
      "--since <duration|time>",
      "only records that are not older: 5m, or an ISO 8601 time",
      momentOption,
    )
    .option("--follow", "go on with what comes, until it is interrupted")
    .addHelpText("after", EXAMPLES)
    .action((options: LogOptions) => showLog(shell, options));
  addLogExport(log, shell);
  addLogVerify(log, shell);
}

async function showLog(shell: Shell, options: LogOptions): Promise<void> {
  const ring = options.audit ? RING.audit : RING.journal;
  const exitCode = await askNodeOrState<number>(shell, options, {
    running: (client) => showRunning(shell, asking(client), { ring, options }),
    stored: (node) => showStored(shell, node, { ring, choice: options }),
    needsRunning: options.follow &&
      "--follow needs a node that runs: nothing comes to the log of one that does not",
  });
  shell.finish(exitCode);
}

async function showRunning(
  shell: Shell,
  ask: AskPage,
  { ring, options }: { readonly ring: number; readonly options: LogOptions },
): Promise<number> {
  const { records, total } = await newestOf(ask, ring, { options, clock: shell.ports.clock });
  const heard = records.every((record) => show(shell, options, record));
  if (options.follow && heard) await follow(shell, { ask, ring, afterId: total, options });
  return EXIT.ok;
}

function asking(client: ControlClient): AskPage {
  return async (request) =>
    okReply(await client.log(request, { timeoutMs: ANSWER_TIMEOUT_MS }), "log");
}

/** The newest records that match, oldest first. */
function newestOf(
  ask: AskPage,
  ring: number,
  { options, clock }: { readonly options: LogOptions; readonly clock: Clock },
) {
  const { scope, since } = options;
  const limit = limitOf(options);
  const wanted = (record: LogRecord) => chosen(record, options);
  if (since === undefined) return newestRecords(ask, { ring, scope, limit, wanted });
  const sinceNs = (nowNs: bigint) => nodeTimeOf(since, nowNs, clock);
  return newestRecords(ask, { ring, scope, limit, wanted, sinceNs });
}

/** Shows what comes until a signal, or until nobody reads any more. */
async function follow(
  shell: Shell,
  { ask, ring, afterId, options }: {
    readonly ask: AskPage;
    readonly ring: number;
    readonly afterId: bigint;
    readonly options: LogOptions;
  },
): Promise<void> {
  const follower = new LogFollower(
    {
      ask,
      record: (record) => !chosen(record, options) || show(shell, options, record),
      lost: (count) => {
        const text = `${count} records were lost: logd let them go before they were read`;
        return print(shell, options.json ? jsonText({ lost: count }) : text);
      },
      restarted: () => {
        const text = "logd was started again: its records count from 1";
        return print(shell, options.json ? jsonText({ restarted: true }) : text);
      },
    },
    ring,
    afterId,
  );
  const pause = new Pause(shell.ports, shell.ports.processes);
  try {
    while (await pause.take(FOLLOW_INTERVAL_MS) && await follower.poll());
  } catch (error) {
    // Whoever stops everything stops the node as well: that is no failure of this command.
    if (!pause.stopped) throw error;
  } finally {
    pause.end();
  }
}

function show(shell: Shell, { json }: LogOptions, record: LogRecord): boolean {
  const line = lineOf(record);
  return print(shell, json ? jsonText(line) : textOf(line));
}

/** @returns Whether anybody reads it. */
function print({ ports }: Shell, line: string): boolean {
  return ports.terminal.out(`${line}\n`);
}

/** Waits that a stop signal ends, and all after it. */
class Pause {
  readonly #time: { readonly clock: Clock; readonly turns: Turns };
  readonly #unwatch: () => void;
  #stopped = false;
  #wake: () => void = () => {};

  constructor(time: { readonly clock: Clock; readonly turns: Turns }, processes: Processes) {
    this.#time = time;
    this.#unwatch = processes.onStop(() => {
      this.#stopped = true;
      this.#wake();
    });
  }

  /** Whether a signal came. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** @returns Whether the time is over and no signal came. */
  async take(ms: number): Promise<boolean> {
    const { clock, turns } = this.#time;
    if (this.#stopped) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = turns.at(clock.nowNs() + ms * 1e6, resolve);
    this.#wake = resolve;
    await promise;
    cancel();
    return !this.#stopped;
  }

  end(): void {
    this.#unwatch();
  }
}

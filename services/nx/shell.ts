import { type Command, InvalidArgumentError, Option } from "commander";
import { type Client, createClient } from "@runtime/idl/client.ts";
import { controld } from "../controld/protocol.ts";
import { connectControl } from "./control_client.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { type NodeEntry, type NodeName, selectNode } from "./node_registry.ts";
import type { Output } from "./output.ts";
import type { NxPorts } from "./ports.ts";

/** What a command works with beside its arguments. */
export interface Shell {
  readonly ports: NxPorts;
  readonly output: Output;
  /** The whole command line, after the program's name. */
  readonly argv: readonly string[];
  /** Names the exit code; the last word counts. */
  finish(code: number): void;
}

/** A node's controld, as the command line calls it. */
export type ControlClient = Client<typeof controld>;

/** Options of every command that asks a running node. */
export interface NodeChoice extends NodeName {
  readonly json?: true;
}

/** Adds the options of every command that asks a running node. */
export function withNodeOptions(command: Command): Command {
  return command
    .option(
      "--node <name|dir>",
      "which node: its name in nx nodes, a listen port or pid-N, or a folder with its control.sock",
      nodeOption,
    )
    .addOption(
      new Option("--state <dir>", "which node: a folder with its control.sock")
        .argParser(nodeOption).conflicts("node"),
    )
    .option("--json", "one JSON object a line");
}

function nodeOption(text: string): string {
  if (text === "") throw new InvalidArgumentError("It names no node.");
  return text;
}

/** Runs `work` with a connection to the node that is meant, and ends the connection. */
export async function askNode<T>(
  { ports }: Shell,
  choice: NodeChoice,
  work: (client: ControlClient, entry: NodeEntry) => Promise<T>,
): Promise<T> {
  const entry = await selectNode(ports, choice);
  const connection = await connectControl(ports, entry.socket);
  if (connection === undefined) {
    throw new CommandFailure(EXIT.notFound, `node ${entry.name} has just stopped`);
  }
  try {
    return await work(createClient(controld, connection), entry);
  } finally {
    connection.close();
  }
}

type Refused = { readonly code: number; readonly text: string };

const REFUSALS: Readonly<Record<string, Refused>> = {
  "denied": { code: EXIT.denied, text: "policy denies this to nx-cli; see nx log --audit" },
  "peer_denied": { code: EXIT.denied, text: "the peer's policy denies this" },
  "not_found": { code: EXIT.notFound, text: "there is no session with such a peer; see nx peers" },
  "ambiguous": { code: EXIT.usage, text: "several peers begin like this; give more digits" },
  "timed_out": { code: EXIT.timedOut, text: "no answer in time" },
  "no_reply": { code: EXIT.timedOut, text: "the node does not answer" },
  "closed": { code: EXIT.failed, text: "the session ended meanwhile; see nx peers" },
  "limit": { code: EXIT.failed, text: "the node dials as many peers as it may" },
  "refused": { code: EXIT.failed, text: "no session could be made; see nx peers and nx log" },
  "malformed": { code: EXIT.usage, text: "the node refuses these arguments as out of range" },
  "unsupported": { code: EXIT.failed, text: "the node is of another version; restart it" },
};

/** The failure behind a status that is not `ok`. @param what Names what was asked. */
export function refusal(status: string, what: string): CommandFailure {
  const known = Object.hasOwn(REFUSALS, status) ? REFUSALS[status] : undefined;
  const { code, text } = known ??
    { code: EXIT.failed, text: "the node could not answer; see its console" };
  return new CommandFailure(code, `${what}: ${text}`);
}

/** A reply that is `ok`. @throws {CommandFailure} for every other one. */
export function okReply<R extends { readonly status: string }>(
  reply: R,
  what: string,
): Extract<R, { readonly status: "ok" }> {
  if (reply.status !== "ok") throw refusal(reply.status, what);
  // The check above leaves the members whose status is "ok"; TypeScript does not narrow `R`.
  return reply as Extract<R, { readonly status: "ok" }>;
}

/** Reads an option's whole number. @throws {InvalidArgumentError} outside its range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (value < min || value > max) {
      throw new InvalidArgumentError(`It is not a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

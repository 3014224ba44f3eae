import { type StoredNode, withStoredNode } from "../statefsd/client/stored_node.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { askNode, type ControlClient, type NodeChoice, type Shell } from "./shell.ts";
import { type PassphraseChoice, sourceOf, withPassphrases } from "./passphrase.ts";

/** Options of a command that also reads a node that does not run. */
export interface StoredChoice extends NodeChoice, PassphraseChoice {}

/** What is done with a node that runs, and with one that does not. */
export interface NodeWork<T> {
  readonly running: (client: ControlClient) => Promise<T>;
  readonly stored: (node: StoredNode) => Promise<T>;
  /** Why only a node that runs will do, where it is so. */
  readonly needsRunning?: string | undefined;
}

const FACTS_NAME = "state.json";

/** Asks the node that is meant; where `--state` names one that does not run, what it left. */
export async function askNodeOrState<T>(
  shell: Shell,
  choice: StoredChoice,
  { running, stored, needsRunning }: NodeWork<T>,
): Promise<T> {
  let answers = false;
  try {
    return await askNode(shell, choice, (client) => {
      answers = true;
      return running(client);
    });
  } catch (error) {
    const { state } = choice;
    const silent = !answers && error instanceof CommandFailure &&
      error.exitCode === EXIT.notFound;
    if (!silent || state === undefined || !isStateFolder(shell, state)) throw error;
    if (needsRunning !== undefined) throw new CommandFailure(EXIT.usage, needsRunning);
    return await withPassphrases(
      shell,
      [sourceOf(shell, choice, state)],
      ([passphrase]) =>
        withStoredNode(shell.ports.state, state, {
          passphrase,
          unixMs: () => shell.ports.clock.unixMs(),
          work: stored,
        }),
    );
  }
}

function isStateFolder({ ports }: Shell, path: string): boolean {
  return ports.files.facts(`${path}/${FACTS_NAME}`)?.kind === "file";
}

import { type Command, InvalidArgumentError } from "commander";
import { connectControl } from "../control_client.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import { selectNode } from "../node_registry.ts";
import type { NodeChoice, Shell } from "../shell.ts";
import { parseKeyId } from "../../keystored/client/key_id.ts";
import {
  APP_LENGTH_MAX,
  isAppName,
  isPurpose,
  PURPOSE_LENGTH_MAX,
} from "../../keystored/client/key_limits.ts";
import { KeyError, KeysUnavailable } from "../../keystored/client/keys_failure.ts";
import type { KeyRef } from "../../keystored/client/key_requests.ts";
import { NexusKeys } from "../../keystored/client/nexus_keys.ts";
import { explained, type Refused, unavailable } from "./explained.ts";

const LETTERS = "small letters, digits, - and _, in parts between dots";

/** Reads the name of an application. */
export function appArgument(text: string): string {
  if (isAppName(text)) return text;
  throw new InvalidArgumentError(
    `An application's name is 1 to ${APP_LENGTH_MAX} bytes of ${LETTERS}.`,
  );
}

/** Reads a purpose. */
export function purposeArgument(text: string): string {
  if (isPurpose(text)) return text;
  throw new InvalidArgumentError(`A purpose is 1 to ${PURPOSE_LENGTH_MAX} bytes of ${LETTERS}.`);
}

/** Reads a purpose, or the id of a version. */
export function keyArgument(text: string): string {
  if (isPurpose(text) || parseKeyId(text) !== undefined) return text;
  throw new InvalidArgumentError("It is neither a purpose nor a key id: nk1- and 40 hex digits.");
}

/** Adds the arguments that name a key. */
export function withKey(command: Command): Command {
  return command
    .argument("<app>", "the application whose key it is", appArgument)
    .argument("<key>", "its purpose, or the key id of a version", keyArgument);
}

/**
 * Runs `work` with the keys of the node that is meant.
 *
 * @param asked What it is about, for whoever explains a refusal.
 * @throws {CommandFailure} for everything that keystored refuses, with what to do about it.
 */
export async function askKeys<T>(
  { ports }: Shell,
  choice: NodeChoice,
  asked: Omit<Refused, "nowMs">,
  work: (keys: NexusKeys) => Promise<T>,
): Promise<T> {
  const entry = await selectNode(ports, choice);
  const connection = await connectControl(ports, entry.socket);
  if (connection === undefined) {
    throw new CommandFailure(EXIT.notFound, `node ${entry.name} has just stopped`);
  }
  const keys = new NexusKeys(connection);
  try {
    return await work(keys);
  } catch (error) {
    if (error instanceof KeysUnavailable) throw unavailable(error);
    if (!(error instanceof KeyError)) throw error;
    throw await explained(error, keys, { ...asked, nowMs: ports.clock.unixMs() });
  } finally {
    connection.close();
  }
}

/** How a key is called in what is said about it. */
export function keyText({ app, key }: KeyRef): string {
  return `${app}/${key}`;
}

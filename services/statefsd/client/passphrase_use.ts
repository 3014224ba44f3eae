import { WireError } from "@runtime/core/error.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import type { StateHost } from "@runtime/core/state_ports.ts";
import { decodeFacts, FACTS_LENGTH_MAX, FACTS_NAME } from "./state_facts.ts";

/** What a passphrase would do for a directory: open it, be set by whoever makes it, or nothing. */
export type PassphraseUse = "opens" | "sets" | "none";

/**
 * What a passphrase would do, by what the directory says before anybody holds it. What cannot be read
 * is left for the opening to name.
 */
export function passphraseUse(
  host: Pick<StateHost, "look" | "readPrivate">,
  path: string,
): PassphraseUse {
  try {
    if (host.look(path)?.includes(FACTS_NAME) !== true) return "sets";
    const { key } = decodeFacts(host.readPrivate(`${path}/${FACTS_NAME}`, FACTS_LENGTH_MAX));
    return key.kind === "passphrase" ? "opens" : "none";
  } catch (error) {
    if (error instanceof FileFailure || error instanceof WireError) return "none";
    throw error;
  }
}

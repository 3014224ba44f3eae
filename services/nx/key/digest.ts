import { SshDigest } from "../../keystored/client/ssh_digest.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import type { NxPorts } from "../ports.ts";
import type { InputChoice } from "./input.ts";

/** What to do with more than one signature takes. */
export const SSH_HINT = "; --format ssh signs its digest, whatever its length";

/** The digest of an input of any length, which is read piece by piece. */
export async function digestOf(
  { input }: Pick<NxPorts, "input">,
  { in: path, inFormat }: InputChoice,
): Promise<Uint8Array> {
  if (inFormat !== "raw") {
    throw new CommandFailure(EXIT.usage, "what an ssh signature is over is read as it is: raw");
  }
  const digest = new SshDigest();
  for await (const piece of input.pieces(path)) digest.update(piece);
  return digest.digest();
}

import { type Command, Option } from "commander";
import { WireError } from "@runtime/core/error.ts";
import { toHex } from "@runtime/core/hex.ts";
import { keyIdText } from "../../keystored/client/key_id.ts";
import {
  parseSealed,
  parseSent,
  SEAL_TAG_LENGTH,
  type SealedHead,
  type SealedParts,
  SENT_LENGTH_MAX,
  type SentHead,
} from "../../keystored/client/sealed_blob.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import { secondText } from "../moment.ts";
import { printable } from "../output.ts";
import type { Shell } from "../shell.ts";
import { type InputChoice, named, readInput, withInput } from "./input.ts";

const EXAMPLES = `
No key and no node is asked: what is shown may have been changed, and only opening it tells.

Examples:
  nx key inspect --in draft.sealed
  nx key inspect --in letter.b64 --in-format base64 --json
`;

interface InspectOptions extends InputChoice {
  readonly json?: true;
}

type Parsed =
  | { readonly kind: "own"; readonly parts: SealedParts<SealedHead> }
  | { readonly kind: "sent"; readonly parts: SealedParts<SentHead> };

/** `nx key inspect`: what sealed bytes say in the clear. */
export function addKeyInspect(key: Command, shell: Shell): void {
  withInput(key.command("inspect"), "the sealed bytes")
    .description("show what sealed bytes say of themselves")
    .addOption(new Option("--json", "one JSON object"))
    .addHelpText("after", EXAMPLES)
    .action((options: InspectOptions) => inspect(shell, options));
}

async function inspect(shell: Shell, options: InspectOptions): Promise<void> {
  const bound = { what: "something that is sealed", lengthMax: SENT_LENGTH_MAX };
  const bytes = await readInput(shell.ports, options, bound);
  const found = attempted(() => ({ kind: "own", parts: parseSealed(bytes) } as const)) ??
    attempted(() => ({ kind: "sent", parts: parseSent(bytes) } as const));
  if (found === undefined) {
    throw new CommandFailure(
      EXIT.failed,
      `${named(options.in)} holds nothing that nx key seal or seal-to made; see --in-format`,
    );
  }
  if (options.json) shell.output.json(factsOf(found));
  else linesOf(found).forEach(shell.output.line);
  shell.finish(EXIT.ok);
}

/** When something that was sealed to a key expires; `undefined` where it says no time. */
export function sentUntilMs(sealed: Uint8Array): number | undefined {
  const until = attempted(() => parseSent(sealed))?.head.expiresMs ?? 0n;
  return until === 0n ? undefined : Number(until);
}

function attempted<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function linesOf(found: Parsed): readonly string[] {
  const { parts } = found;
  const { label } = parts.head;
  const rest = [
    ...label === "" ? [] : [`label      ${printable(label)}`],
    `plaintext  ${parts.sealed.length - SEAL_TAG_LENGTH} bytes`,
  ];
  if (found.kind === "own") {
    const { version, keyId } = found.parts.head;
    return [
      "sealed by a key for itself (NXSE)",
      `version    ${version}`,
      `key id     ${keyIdText(keyId)}`,
      ...rest,
    ];
  }
  const { recipient, ephemeral, expiresMs } = found.parts.head;
  return [
    "sealed to a public key (NXSR)",
    `for        ${toHex(recipient)}`,
    `ephemeral  ${toHex(ephemeral)}`,
    `expires    ${expiresMs === 0n ? "never" : untilText(expiresMs)}`,
    ...rest,
  ];
}

/** A time that nobody vouches for. */
function untilText(ms: bigint): string {
  const time = Number(ms);
  return Number.isSafeInteger(time) ? secondText(time) : `${ms} ms`;
}

function factsOf(found: Parsed) {
  const { label } = found.parts.head;
  const plainLength = found.parts.sealed.length - SEAL_TAG_LENGTH;
  if (found.kind === "own") {
    const { version, keyId } = found.parts.head;
    return { format: "NXSE", version, keyId: keyIdText(keyId), label, plainLength };
  }
  const { recipient, ephemeral, expiresMs } = found.parts.head;
  return {
    ...{ format: "NXSR", recipient: toHex(recipient), ephemeral: toHex(ephemeral) },
    ...{ expiresMs: expiresMs === 0n ? null : expiresMs, label, plainLength },
  };
}

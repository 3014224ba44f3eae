import { type Command, InvalidArgumentError, Option } from "commander";
import { fromHex } from "@runtime/core/hex.ts";
import { PLAIN_LENGTH_MAX } from "../../keystored/client/key_limits.ts";
import type { KeyRef } from "../../keystored/client/key_requests.ts";
import { readPublicKey } from "../../keystored/client/public_key_text.ts";
import { SENT_LENGTH_MAX } from "../../keystored/client/sealed_blob.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import type { Moment } from "../moment.ts";
import { type Shell, withNodeOptions } from "../shell.ts";
import { pathOption } from "../state_options.ts";
import { sentUntilMs } from "./inspect.ts";
import { named, readFormatted, readInput, withInput } from "./input.ts";
import { appArgument, askKeys, withKey } from "./key_shell.ts";
import { endOption, unixMsOf } from "./options.ts";
import { putResult, withResult } from "./result.ts";
import { aadOf, type SealOptions, withAad, withSealLabel } from "./seal.ts";

const KEY_TEXT_LENGTH_MAX = 1_024;
const KEY = /^[0-9a-f]{64}$/;
const SEAL_EXAMPLES = `
Not even this node opens it again: only who has the X25519 key. Nobody proves by it who sealed it.
APP is whose decision it is, and no key of it is used.

Examples:
  nx key seal-to mail --to PUBLIC_KEY --in letter.txt --out letter.sealed
  nx key seal-to mail --to-file inbox.pem --in letter.txt --expires 7d --format base64
`;
const OPEN_EXAMPLES = `
The key is one of x25519 with the use decrypt; its public key is what others seal to.

Examples:
  nx key show mail inbox --public
  nx key open-from mail inbox --in letter.sealed --out letter.txt
`;

/** What names somebody's public key. */
export interface PeerKey {
  readonly to?: Uint8Array;
  readonly toFile?: string;
}

interface SendOptions extends SealOptions, PeerKey {
  readonly expires?: Moment;
}

/** Adds `--to` and `--to-file`. */
export function withPeerKey(command: Command): Command {
  return command
    .option("--to <hex>", "the other's X25519 public key, 64 hex digits", publicKeyOption)
    .addOption(
      new Option("--to-file <file>", "the same from a file: 32 bytes, hex, PEM or JWK")
        .argParser(pathOption).conflicts("to"),
    );
}

/** The public key that was named. @throws {CommandFailure} 2 when none was, or it is none. */
export async function peerKeyOf({ ports }: Shell, { to, toFile }: PeerKey): Promise<Uint8Array> {
  if (to !== undefined) return to;
  if (toFile === undefined) {
    throw new CommandFailure(EXIT.usage, "say whose key it is for: --to HEX or --to-file FILE");
  }
  const bound = { what: "a public key", lengthMax: KEY_TEXT_LENGTH_MAX };
  const bytes = await readFormatted(ports, { path: toFile, format: "raw" }, bound);
  const key = readPublicKey("x25519", bytes);
  if (key !== undefined) return key;
  throw new CommandFailure(
    EXIT.usage,
    `${named(toFile)} holds no X25519 public key: 32 bytes, 64 hex digits, PEM, or a JWK`,
  );
}

function publicKeyOption(text: string): Uint8Array {
  if (KEY.test(text.toLowerCase())) return fromHex(text);
  throw new InvalidArgumentError("It is not a key of 64 hex digits.");
}

/** `nx key seal-to` and `nx key open-from`. */
export function addKeySend(key: Command, shell: Shell): void {
  const seals = withInput(withNodeOptions(key.command("seal-to")), "the plaintext");
  withPeerKey(withSealLabel(withAad(withResult(seals, "the sealed bytes"))))
    .description("seal bytes to somebody's public key, so that nobody else opens them")
    .argument("<app>", "the application that seals", appArgument)
    .option("--expires <duration|time>", "when it stops being opened: 7d, or a time", endOption)
    .addHelpText("after", SEAL_EXAMPLES)
    .action((app: string, options: SendOptions) => sealTo(shell, app, options));
  const opens = withInput(withNodeOptions(withKey(key.command("open-from"))), "the sealed bytes");
  withAad(withResult(opens, "the plaintext"))
    .description("open what somebody sealed to a key of this node")
    .addHelpText("after", OPEN_EXAMPLES)
    .action((app: string, name: string, options: SealOptions) =>
      openFrom(shell, { app, key: name }, options)
    );
}

async function sealTo(shell: Shell, app: string, options: SendOptions): Promise<void> {
  const { ports } = shell;
  const recipient = await peerKeyOf(shell, options);
  const aad = await aadOf(shell, options);
  const bound = { what: "a seal", lengthMax: PLAIN_LENGTH_MAX };
  const plain = await readInput(ports, options, bound);
  const { label = "", expires } = options;
  const end = expires && { expiresMs: unixMsOf(expires, ports.clock.unixMs()) };
  const sealed = await askKeys(
    shell,
    options,
    { app },
    (keys) => keys.sealTo(app, recipient, { plain, aad, label, ...end }),
  );
  plain.fill(0);
  const facts = { expiresMs: end?.expiresMs ?? null };
  putResult(shell, options, { bytes: sealed, name: "sealed", secret: false, facts });
  shell.finish(EXIT.ok);
}

async function openFrom(shell: Shell, ref: KeyRef, options: SealOptions): Promise<void> {
  const aad = await aadOf(shell, options);
  const bound = { what: "something that is sealed", lengthMax: SENT_LENGTH_MAX };
  const sealed = await readInput(shell.ports, options, bound);
  const asked = { ...ref, sealedUntilMs: sentUntilMs(sealed) };
  const { plain, expiresMs, ...made } = await askKeys(
    shell,
    options,
    asked,
    (keys) => keys.openFrom(ref, { sealed, aad }),
  );
  const facts = { ...made, expiresMs: expiresMs ?? null };
  putResult(shell, options, { bytes: plain, name: "plain", secret: true, facts });
  shell.finish(EXIT.ok);
}

import { type Command, InvalidArgumentError } from "commander";
import { utf8Length } from "@runtime/core/utf8.ts";
import { MESSAGE_LENGTH_MAX } from "../../keystored/client/key_limits.ts";
import type { KeyRef } from "../../keystored/client/key_requests.ts";
import type { NexusKeys } from "../../keystored/client/nexus_keys.ts";
import {
  SSH_NAMESPACE_DEFAULT,
  SSH_NAMESPACE_LENGTH_MAX,
  sshSignatureText,
  sshSignedBytes,
} from "../../keystored/client/ssh_signature.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import { type NodeChoice, type Shell, withNodeOptions } from "../shell.ts";
import { digestOf, SSH_HINT } from "./digest.ts";
import { type InputChoice, readInput, withInput } from "./input.ts";
import { askKeys, keyText, withKey } from "./key_shell.ts";
import { putResult, putText, type ResultChoice, withResult } from "./result.ts";

const EXAMPLES = `
Ed25519 over the message as it is, of up to ${MESSAGE_LENGTH_MAX} bytes. --format ssh signs the
SHA-512 digest of a message of any length, in a namespace, as ssh-keygen -Y sign does.

Examples:
  nx key sign mail letters --in letter.txt --out letter.sig
  nx key sign mail letters --in letter.txt --format hex
  nx key sign build release --in release.tar --format ssh --out release.tar.sig
`;

interface SignOptions extends NodeChoice, InputChoice, ResultChoice {
  readonly namespace?: string;
}

/** Adds `--namespace`. */
export function withNamespace(command: Command): Command {
  return command.option(
    "--namespace <text>",
    `what an ssh signature is for; ${SSH_NAMESPACE_DEFAULT} unless said`,
    namespaceOption,
  );
}

/** `nx key sign`. */
export function addKeySign(key: Command, shell: Shell): void {
  const command = withInput(withNodeOptions(withKey(key.command("sign"))), "the message");
  withNamespace(withResult(command, "the signature", ["ssh"]))
    .description("sign a message")
    .addHelpText("after", EXAMPLES)
    .action((app: string, name: string, options: SignOptions) =>
      sign(shell, { app, key: name }, options)
    );
}

async function sign(shell: Shell, ref: KeyRef, options: SignOptions): Promise<void> {
  if (options.format === "ssh") await signSsh(shell, ref, options);
  else if (options.namespace !== undefined) {
    throw new CommandFailure(EXIT.usage, "a namespace is of --format ssh alone");
  } else await signBare(shell, ref, options);
  shell.finish(EXIT.ok);
}

async function signBare(shell: Shell, ref: KeyRef, options: SignOptions): Promise<void> {
  const message = await readInput(shell.ports, options, {
    ...{ what: "a signature", lengthMax: MESSAGE_LENGTH_MAX, hint: SSH_HINT },
  });
  const { signature, ...facts } = await askKeys(
    shell,
    options,
    ref,
    (keys) => keys.sign(ref, message),
  );
  putResult(shell, options, { bytes: signature, name: "signature", secret: false, facts });
}

async function signSsh(shell: Shell, ref: KeyRef, options: SignOptions): Promise<void> {
  const { namespace = SSH_NAMESPACE_DEFAULT } = options;
  const message = sshSignedBytes(namespace, await digestOf(shell.ports, options));
  const made = await askKeys(shell, options, ref, async (keys) => {
    const { signature, keyId, version } = await keys.sign(ref, message);
    return { signature, keyId, version, publicKey: await publicKeyOf(keys, ref, keyId) };
  });
  const { keyId, version } = made;
  const facts = { version, keyId, namespace };
  putText(shell, options, {
    ...{ text: sshSignatureText({ ...made, namespace }), name: "signature", facts },
  });
}

async function publicKeyOf(keys: NexusKeys, ref: KeyRef, keyId: string): Promise<Uint8Array> {
  const { versions } = await keys.get(ref);
  const version = versions.find((each) => each.keyId === keyId);
  if (version !== undefined) return version.publicKey;
  throw new CommandFailure(
    EXIT.failed,
    `${keyText(ref)}: the version that signed was let go meanwhile; sign again`,
  );
}

function namespaceOption(text: string): string {
  if (text !== "" && utf8Length(text) <= SSH_NAMESPACE_LENGTH_MAX) return text;
  throw new InvalidArgumentError(`A namespace has 1 to ${SSH_NAMESPACE_LENGTH_MAX} bytes.`);
}

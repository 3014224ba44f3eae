import type { Command } from "commander";
import { MESSAGE_LENGTH_MAX } from "../../keystored/client/key_limits.ts";
import type { KeyRef } from "../../keystored/client/key_requests.ts";
import {
  looksLikeSshSignature,
  readSshSignature,
  SSH_NAMESPACE_DEFAULT,
  SSH_SIGNATURE_TEXT_MAX,
  sshSignedBytes,
} from "../../keystored/client/ssh_signature.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import { type NodeChoice, type Shell, withNodeOptions } from "../shell.ts";
import { pathOption } from "../state_options.ts";
import { digestOf, SSH_HINT } from "./digest.ts";
import { decoded } from "./encoding.ts";
import { type InputChoice, named, readFormatted, readInput, withInput } from "./input.ts";
import { askKeys, withKey } from "./key_shell.ts";
import { withNamespace } from "./sign.ts";

const SIGNATURE_LENGTH = 64;
const EXAMPLES = `
The signature is read as what it is: 64 bytes, hex, base64, or one of ssh-keygen -Y and --format ssh.
A key id names the one version that may have made it; a purpose lets any version have made it that
may still verify. A signature that does not hold is exit code 1.

Examples:
  nx key verify mail letters --in letter.txt --signature letter.sig
  nx key verify build release --in release.tar --signature release.tar.sig
`;

interface VerifyOptions extends NodeChoice, InputChoice {
  readonly signature: string;
  readonly namespace?: string;
}

/** What is to be verified. */
interface Signed {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** `nx key verify`. */
export function addKeyVerify(key: Command, shell: Shell): void {
  const command = withInput(withNodeOptions(withKey(key.command("verify"))), "the message");
  withNamespace(command)
    .description("say whether a signature is of a key, and of which version")
    .requiredOption("--signature <file>", "the signature; standard input where it is -", pathOption)
    .addHelpText("after", EXAMPLES)
    .action((app: string, name: string, options: VerifyOptions) =>
      verify(shell, { app, key: name }, options)
    );
}

async function verify(shell: Shell, ref: KeyRef, options: VerifyOptions): Promise<void> {
  if (options.in === "-" && options.signature === "-") {
    throw new CommandFailure(EXIT.usage, "message and signature cannot both be standard input");
  }
  const { message, signature } = await signedOf(shell, options);
  const version = await askKeys(
    shell,
    options,
    ref,
    (keys) => keys.verify(ref, message, signature),
  );
  const valid = version !== undefined;
  if (options.json) shell.output.json({ valid, version: version ?? null });
  else shell.output.line(valid ? `good: by version ${version}` : "bad: not by this key");
  shell.finish(valid ? EXIT.ok : EXIT.failed);
}

async function signedOf({ ports }: Shell, options: VerifyOptions): Promise<Signed> {
  const what = "a signature's file";
  const place = { path: options.signature, format: "raw" } as const;
  const bytes = await readFormatted(ports, place, { what, lengthMax: SSH_SIGNATURE_TEXT_MAX });
  const text = new TextDecoder().decode(bytes);
  if (bytes.length === SIGNATURE_LENGTH || !looksLikeSshSignature(text)) {
    const bound = { what: "a message", lengthMax: MESSAGE_LENGTH_MAX, hint: SSH_HINT };
    const message = await readInput(ports, options, bound);
    return { message, signature: bareSignature(bytes, options.signature) };
  }
  const ssh = readSshSignature(text);
  if (ssh === undefined) throw noSignature(options.signature);
  const { namespace = SSH_NAMESPACE_DEFAULT } = options;
  if (ssh.namespace !== namespace) {
    throw new CommandFailure(
      EXIT.failed,
      `that signature is of namespace ${JSON.stringify(ssh.namespace)}, not of ` +
        `${JSON.stringify(namespace)}; see --namespace`,
    );
  }
  const { signature } = ssh;
  return { message: sshSignedBytes(namespace, await digestOf(ports, options)), signature };
}

/** 64 bytes, or text of them: the three have three lengths. */
function bareSignature(bytes: Uint8Array, path: string): Uint8Array {
  if (bytes.length === SIGNATURE_LENGTH) return bytes;
  for (const encoding of ["hex", "base64"] as const) {
    const signature = decoded(bytes, encoding);
    if (signature?.length === SIGNATURE_LENGTH) return signature;
  }
  throw noSignature(path);
}

function noSignature(path: string): CommandFailure {
  return new CommandFailure(
    EXIT.usage,
    `${named(path)} holds no Ed25519 signature: 64 bytes, hex, base64, or an SSH SIGNATURE`,
  );
}

import { type Command, Option } from "commander";
import type { KeyInfo, KeyVersionInfo } from "../../keystored/client/key_info.ts";
import type { KeyRef } from "../../keystored/client/key_requests.ts";
import {
  hasPublicHalf,
  publicKeyJwk,
  publicKeyPem,
  publicKeySsh,
} from "../../keystored/client/public_key_text.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import { jsonText } from "../output.ts";
import { type NodeChoice, type Shell, withNodeOptions } from "../shell.ts";
import { pathOption } from "../state_options.ts";
import { factsOfKey, factsOfSummary, linesOfKey, tableOfKeys } from "./key_lines.ts";
import { appArgument, askKeys, keyText, withKey } from "./key_shell.ts";
import { putResult, putText } from "./result.ts";

const LIST_EXAMPLES = `
Examples:
  nx key list
  nx key list mail --json
`;
const SHOW_EXAMPLES = `
--public prints the public key alone: of the version that a key id names, else of the newest. jwk is
a JSON Web Key, pem what OpenSSL reads, ssh a line of OpenSSH's .pub files (Ed25519 alone has one).

Examples:
  nx key show mail letters
  nx key show mail letters --public --format pem --out letters.pem
  nx key show mail letters --public --format ssh
`;

/** `nx key list` and `nx key show`: what is told of keys. */
export function addKeyLook(key: Command, shell: Shell): void {
  withNodeOptions(key.command("list"))
    .description("list the keys of an application, or of all")
    .argument("[app]", "the application; all unless said", appArgument)
    .addHelpText("after", LIST_EXAMPLES)
    .action((app: string | undefined, options: NodeChoice) => list(shell, app, options));
  withNodeOptions(withKey(key.command("show")))
    .description("show everything that is told of a key, or its public key")
    .option("--public", "the public key alone")
    .addOption(
      new Option("--format <name>", "how the public key is written; hex unless said")
        .choices(["raw", "hex", "base64", "jwk", "pem", "ssh"]).implies({ public: true }),
    )
    .addOption(
      new Option("--out <file>", "where the public key goes; standard output unless said")
        .argParser(pathOption).implies({ public: true }),
    )
    .addHelpText("after", SHOW_EXAMPLES)
    .action((app: string, name: string, options: ShowOptions) =>
      show(shell, { app, key: name }, options)
    );
}

async function list(shell: Shell, app: string | undefined, options: NodeChoice): Promise<void> {
  const keys = await askKeys(
    shell,
    options,
    { app: app ?? "all keys" },
    (client) => Array.fromAsync(client.list(app)),
  );
  const { output } = shell;
  if (options.json) { for (const summary of keys) output.json(factsOfSummary(summary)); }
  else if (keys.length > 0) tableOfKeys(keys).forEach(output.line);
  else output.line(`no keys; nx key create ${app ?? "APP"} PURPOSE makes one`);
  shell.finish(EXIT.ok);
}

interface ShowOptions extends NodeChoice {
  readonly public?: true;
  readonly format?: string;
  readonly out?: string;
}

async function show(shell: Shell, ref: KeyRef, options: ShowOptions): Promise<void> {
  const info = await askKeys(shell, options, ref, (keys) => keys.get(ref));
  if (options.public) showPublic(shell, { info, ref }, options);
  else if (options.json) shell.output.json(factsOfKey(info));
  else linesOfKey(info).forEach(shell.output.line);
  shell.finish(EXIT.ok);
}

function showPublic(
  shell: Shell,
  { info, ref }: { readonly info: KeyInfo; readonly ref: KeyRef },
  { format = "hex", ...choice }: ShowOptions,
): void {
  const { keyId, publicKey, version } = versionNamed(info, ref);
  const facts = { app: info.app, purpose: info.purpose, version, keyId, format };
  const text = publicText({ info, ref, keyId, publicKey }, format);
  if (text !== undefined) return putText(shell, choice, { text, name: "publicKey", facts });
  putResult(shell, { ...choice, format }, {
    ...{ bytes: publicKey, name: "publicKey", secret: false, facts },
  });
}

/** The version that a key id names, else the newest. */
function versionNamed({ versions }: KeyInfo, ref: KeyRef): KeyVersionInfo {
  const found = versions.find(({ keyId }) => keyId === ref.key) ?? versions.at(-1);
  if (found !== undefined) return found;
  throw new CommandFailure(EXIT.failed, `${keyText(ref)}: the node tells of no version of it`);
}

/** A public key as text that is no mere encoding; `undefined` for the formats that are. */
function publicText(
  { info: { app, purpose, algorithm }, ref, keyId, publicKey }: {
    readonly info: KeyInfo;
    readonly ref: KeyRef;
    readonly keyId: string;
    readonly publicKey: Uint8Array;
  },
  format: string,
): string | undefined {
  if (!hasPublicHalf(algorithm)) {
    throw new CommandFailure(
      EXIT.failed,
      `${keyText(ref)}: keys of ${algorithm} have no public half; nx key show has its commitment`,
    );
  }
  if (format === "jwk") return `${jsonText(publicKeyJwk(algorithm, publicKey, keyId))}\n`;
  if (format === "pem") return publicKeyPem(algorithm, publicKey);
  if (format !== "ssh") return undefined;
  if (algorithm === "ed25519") return `${publicKeySsh(publicKey, `${app}/${purpose}`)}\n`;
  throw new CommandFailure(
    EXIT.failed,
    `${keyText(ref)}: OpenSSH has no keys of ${algorithm}; take --format pem or jwk`,
  );
}

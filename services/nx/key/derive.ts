import type { Command } from "commander";
import {
  CONTEXT_LENGTH_MAX,
  DERIVED_LENGTH_MAX,
  DERIVED_LENGTH_MIN,
} from "../../keystored/client/key_limits.ts";
import type { KeyRef } from "../../keystored/client/key_requests.ts";
import { EXIT } from "../exit_code.ts";
import { type NodeChoice, type Shell, wholeNumber, withNodeOptions } from "../shell.ts";
import { boundData, withBoundData } from "./bound_data.ts";
import { askKeys, withKey } from "./key_shell.ts";
import { putResult, type ResultChoice, withResult } from "./result.ts";
import { type PeerKey, peerKeyOf, withPeerKey } from "./send.ts";

const DERIVED_LENGTH_DEFAULT = 32;
const DERIVE_EXAMPLES = `
The same key, version and context give the same bytes. A key id names an older version.

Examples:
  nx key derive mail cache --context "folder 7" --out folder.key
  nx key derive mail cache --context-file context.bin --length 64 --format hex
`;
const AGREE_EXAMPLES = `
X25519: both sides get the same 32 bytes. Derive keys from them; do not use them as one.

Examples:
  nx key agree mail talk --to PUBLIC_KEY --out shared.bin
  nx key agree mail talk --to-file other.pem --format hex
`;

interface DeriveOptions extends NodeChoice, ResultChoice {
  readonly context?: string;
  readonly contextFile?: string;
  readonly length: number;
}

interface AgreeOptions extends NodeChoice, ResultChoice, PeerKey {}

/** `nx key derive` and `nx key agree`: secrets that are given out. */
export function addKeyDerive(key: Command, shell: Shell): void {
  const derives = withResult(withNodeOptions(withKey(key.command("derive"))), "what is derived");
  withBoundData(derives, "context", `what it is for, up to ${CONTEXT_LENGTH_MAX} bytes`)
    .description("derive bytes from a key")
    .option(
      "--length <n>",
      `how many bytes, ${DERIVED_LENGTH_MIN} to ${DERIVED_LENGTH_MAX}`,
      wholeNumber(DERIVED_LENGTH_MIN, DERIVED_LENGTH_MAX),
      DERIVED_LENGTH_DEFAULT,
    )
    .addHelpText("after", DERIVE_EXAMPLES)
    .action((app: string, name: string, options: DeriveOptions) =>
      derive(shell, { app, key: name }, options)
    );
  const agrees = withResult(withNodeOptions(withKey(key.command("agree"))), "the shared secret");
  withPeerKey(agrees)
    .description("agree on a secret with somebody's public key")
    .addHelpText("after", AGREE_EXAMPLES)
    .action((app: string, name: string, options: AgreeOptions) =>
      agree(shell, { app, key: name }, options)
    );
}

async function derive(shell: Shell, ref: KeyRef, options: DeriveOptions): Promise<void> {
  const { context: text, contextFile: file, length } = options;
  const bound = { name: "context", lengthMax: CONTEXT_LENGTH_MAX };
  const context = await boundData(shell.ports, { text, file }, bound);
  const { derived, ...facts } = await askKeys(
    shell,
    options,
    ref,
    (keys) => keys.derive(ref, { context, length }),
  );
  putResult(shell, options, { bytes: derived, name: "derived", secret: true, facts });
  shell.finish(EXIT.ok);
}

async function agree(shell: Shell, ref: KeyRef, options: AgreeOptions): Promise<void> {
  const remote = await peerKeyOf(shell, options);
  const { shared, ...facts } = await askKeys(
    shell,
    options,
    ref,
    (keys) => keys.agree(ref, remote),
  );
  putResult(shell, options, { bytes: shared, name: "shared", secret: true, facts });
  shell.finish(EXIT.ok);
}

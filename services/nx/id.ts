import type { Command } from "commander";
import { toHex } from "@runtime/core/hex.ts";
import type { StoredNode } from "../statefsd/client/stored_node.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { type ControlClient, okReply, type Shell, withNodeOptions } from "./shell.ts";
import { withPassphraseOption } from "./state_options.ts";
import { askNodeOrState, type StoredChoice } from "./stored_node.ts";

const EXAMPLES = `
A node that does not run has no boot and no port.

Examples:
  nx id                    the device id, to pin: --peer nx://DEVICE_ID@HOST:PORT
  nx id --node 7402 --json
  nx id --state ./node-a   of a node that keeps its state there, whether it runs or not
`;

/** Who a node is; the last two are `null` of one that does not run. */
interface Identity {
  readonly deviceId: string;
  readonly publicKey: string;
  readonly noiseStatic: string;
  readonly bootId: string | null;
  readonly port: number | null;
  readonly running: boolean;
}

/** `nx id`: who the node is. */
export function addId(program: Command, shell: Shell): void {
  withPassphraseOption(withNodeOptions(program.command("id")))
    .description("show a node's device id and public keys")
    .addHelpText("after", EXAMPLES)
    .action((options: StoredChoice) => showId(shell, options));
}

async function showId(shell: Shell, options: StoredChoice): Promise<void> {
  const facts = await askNodeOrState(shell, options, {
    running: identityOf,
    stored: (node) => Promise.resolve(storedIdentity(node, options.state ?? "")),
  });
  const { output } = shell;
  if (options.json) output.json(facts);
  else linesOf(facts).forEach(output.line);
  shell.finish(EXIT.ok);
}

async function identityOf(client: ControlClient): Promise<Identity> {
  const { deviceId, verifyingKey, noiseStatic, bootId, port } = okReply(
    await client.identity({}),
    "id",
  );
  return {
    deviceId,
    publicKey: toHex(verifyingKey),
    noiseStatic: toHex(noiseStatic),
    bootId: toHex(bootId),
    port: port === 0 ? null : port,
    running: true,
  };
}

function storedIdentity({ identity }: StoredNode, path: string): Identity {
  if (identity === undefined) {
    throw new CommandFailure(EXIT.notFound, `${path} holds no device yet: boot it with nx up`);
  }
  const { deviceId, verifyingKey, noiseStatic } = identity;
  return {
    deviceId,
    publicKey: toHex(verifyingKey),
    noiseStatic: toHex(noiseStatic),
    bootId: null,
    port: null,
    running: false,
  };
}

function linesOf({ deviceId, publicKey, noiseStatic, bootId, port, running }: Identity) {
  const announced = port === null ? "no port: it does not listen" : `port ${port}`;
  return [
    `device id     ${deviceId}`,
    `public key    ${publicKey}`,
    `noise static  ${noiseStatic}`,
    ...running ? [`boot id       ${bootId}`, `announces     ${announced}`] : ["does not run"],
  ];
}

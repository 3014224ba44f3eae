import type { Command } from "commander";
import { toHex } from "@runtime/core/hex.ts";
import { EXIT } from "./exit_code.ts";
import { askNode, type NodeChoice, okReply, type Shell, withNodeOptions } from "./shell.ts";

const EXAMPLES = `
Examples:
  nx id                    the device id, to pin: --peer nx://DEVICE_ID@HOST:PORT
  nx id --node 7402 --json
`;

/** `nx id`: who the node is. */
export function addId(program: Command, shell: Shell): void {
  withNodeOptions(program.command("id"))
    .description("show a node's device id and public keys")
    .addHelpText("after", EXAMPLES)
    .action((options: NodeChoice) => showId(shell, options));
}

async function showId(shell: Shell, options: NodeChoice): Promise<void> {
  const reply = await askNode(shell, options, (client) => client.identity({}));
  const { deviceId, verifyingKey, noiseStatic, bootId, port } = okReply(reply, "id");
  const facts = {
    deviceId,
    publicKey: toHex(verifyingKey),
    noiseStatic: toHex(noiseStatic),
    bootId: toHex(bootId),
    port: port === 0 ? null : port,
  };
  const { output } = shell;
  if (options.json) output.json(facts);
  else {
    output.line(`device id     ${facts.deviceId}`);
    output.line(`public key    ${facts.publicKey}`);
    output.line(`noise static  ${facts.noiseStatic}`);
    output.line(`boot id       ${facts.bootId}`);
    output.line(`announces     ${port === 0 ? "no port: it does not listen" : `port ${port}`}`);
  }
  shell.finish(EXIT.ok);
}

import type { Command } from "commander";
import { PEER_TEXT, peerArgument, serviceArgument } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { askNode, type NodeChoice, okReply, type Shell, withNodeOptions } from "./shell.ts";

const WAIT_MS = 5_000;
const MARGIN_MS = 3_000;
const EXAMPLES = `
The question goes to the peer's samgrd in a Cap'n Proto frame; the peer's policy decides it for
this device's id. The answer is found or not; without it the exit code is 3. The peer any is
whichever can be asked.

Examples:
  nx resolve 4f2a samgrd
  nx resolve 4f2a nonesuch; echo $?
`;

/** `nx resolve`: whether a peer offers a service. */
export function addResolve(program: Command, shell: Shell): void {
  withNodeOptions(program.command("resolve"))
    .description("ask a peer for one of its services")
    .argument("<peer>", PEER_TEXT, peerArgument)
    .argument("<service>", "name of the service, such as samgrd", serviceArgument)
    .addHelpText("after", EXAMPLES)
    .action((peer: string, service: string, options: NodeChoice) =>
      resolve(shell, { peer, service }, options)
    );
}

async function resolve(
  shell: Shell,
  { peer, service }: { readonly peer: string; readonly service: string },
  options: NodeChoice,
): Promise<void> {
  const request = { peer, service, timeoutMs: WAIT_MS };
  const reply = await askNode(
    shell,
    options,
    (client) => client.resolve(request, { timeoutMs: WAIT_MS + MARGIN_MS }),
  );
  const { deviceId, found, endpoint } = okReply(reply, `resolve ${service}`);
  if (options.json) {
    shell.output.json({ deviceId, service, found: found === 1, endpoint });
  } else if (found === 1) {
    shell.output.line(`${service} at ${deviceId.slice(0, 16)}: endpoint ${endpoint}`);
  } else {
    shell.output.line(`${service} is not offered by ${deviceId.slice(0, 16)}`);
  }
  shell.finish(found === 1 ? EXIT.ok : EXIT.notFound);
}

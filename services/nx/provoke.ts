import { type Command, InvalidArgumentError } from "commander";
import { type Provocation, PROVOCATIONS } from "@runtime/boot/protocol.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { askNode, type NodeChoice, okReply, type Shell, withNodeOptions } from "./shell.ts";

const EXAMPLES = `
Only a node of profile test lets itself be provoked, and policy must allow node.provoke.

  throw  the daemon throws: it is started again, as nx ps shows
  loop   its isolate never yields again: the node says so, ends in order and asks to be started again
  hog    its isolate uses memory up: the process dies, and its supervisor starts the node again

Daemons that share the boot's own isolate (--isolation inline) can only throw.

Examples:
  nx up --profile test --listen 127.0.0.1:7401
  nx provoke samgrd throw
`;

/** `nx provoke`: what a node makes of a daemon that misbehaves. */
export function addProvoke(program: Command, shell: Shell): void {
  withNodeOptions(program.command("provoke"))
    .description("make a daemon of a node of profile test misbehave")
    .argument("<daemon>", "its name, as nx ps shows it")
    .argument("<how>", PROVOCATIONS.join(", "), provocation)
    .addHelpText("after", EXAMPLES)
    .action((daemon: string, how: Provocation, options: NodeChoice) =>
      provokeDaemon(shell, { daemon, how, options })
    );
}

function provocation(text: string): Provocation {
  const how = PROVOCATIONS.find((known) => known === text);
  if (how === undefined) {
    throw new InvalidArgumentError(`It is none of ${PROVOCATIONS.join(", ")}.`);
  }
  return how;
}

async function provokeDaemon(
  shell: Shell,
  { daemon, how, options }: {
    readonly daemon: string;
    readonly how: Provocation;
    readonly options: NodeChoice;
  },
): Promise<void> {
  const reply = await askNode(
    shell,
    options,
    (client) => client.provoke({ daemon, how: PROVOCATIONS.indexOf(how) }),
  );
  if (reply.status === "refused") {
    throw new CommandFailure(
      EXIT.denied,
      "provoke: this node is not of profile test, or shares its isolate with the daemon",
    );
  }
  if (reply.status === "not_found") {
    throw new CommandFailure(EXIT.notFound, `provoke: no daemon ${daemon} runs there; see nx ps`);
  }
  okReply(reply, "provoke");
  if (options.json) shell.output.json({ daemon, provoked: how });
  else shell.output.line(`${daemon} was told to ${how}`);
  shell.finish(EXIT.ok);
}

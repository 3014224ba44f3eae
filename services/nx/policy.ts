import type { Command } from "commander";
import { capabilityArgument, subjectArgument, targetOption } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { askNode, type NodeChoice, okReply, type Shell, withNodeOptions } from "./shell.ts";

const EXAMPLES = `
The question is a decision like any other: policyd writes it to the audit ring.
SUBJECT is a daemon, nx-cli, peer, or peer:DEVICE_ID. Denied is exit code 4.

Examples:
  nx policy check dsoftbusd identity.session
  nx policy check peer samgr.resolve --json
`;

interface CheckOptions extends NodeChoice {
  readonly target: string;
}

/** `nx policy`: what policy says. */
export function addPolicy(program: Command, shell: Shell): void {
  const policy = program.command("policy").description("ask a node's policy");
  withNodeOptions(policy.command("check"))
    .description("ask whether a subject holds a capability")
    .argument("<subject>", "a daemon, nx-cli, peer or peer:DEVICE_ID", subjectArgument)
    .argument("<capability>", "such as rng.entropy", capabilityArgument)
    .option("--target <text>", "what it is to be used on", targetOption, "")
    .addHelpText("after", EXAMPLES)
    .action((subject: string, capability: string, options: CheckOptions) =>
      check(shell, { subject, capability, target: options.target }, options)
    );
}

async function check(
  shell: Shell,
  ask: { readonly subject: string; readonly capability: string; readonly target: string },
  options: CheckOptions,
): Promise<void> {
  const reply = await askNode(shell, options, (client) => client.checkPolicy(ask));
  const allowed = okReply(reply, "policy check").allowed === 1;
  const { subject, capability } = ask;
  if (options.json) shell.output.json({ ...ask, allowed });
  else shell.output.line(`${allowed ? "allowed" : "denied"}: ${subject} ${capability}`);
  shell.finish(allowed ? EXIT.ok : EXIT.denied);
}

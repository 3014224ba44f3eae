import type { Command } from "commander";
import { EXIT } from "./exit_code.ts";
import { runningNodes } from "./node_registry.ts";
import { table } from "./output.ts";
import type { Shell } from "./shell.ts";

/** `nx nodes`: the running nodes of this user. */
export function addNodes(program: Command, shell: Shell): void {
  program.command("nodes")
    .description("list the nodes of this user that run")
    .option("--json", "one JSON object a line")
    .action(async (options: { readonly json?: true }) => {
      const nodes = await runningNodes(shell.ports);
      const { output } = shell;
      if (options.json) nodes.forEach((node) => output.json(node));
      else if (nodes.length === 0) output.line("no nodes");
      else table(["NODE", "FOLDER"], nodes.map((n) => [n.name, n.folder])).forEach(output.line);
      shell.finish(EXIT.ok);
    });
}

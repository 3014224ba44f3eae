import type { Command } from "commander";
import { EXIT } from "./exit_code.ts";
import type { NxPorts } from "./ports.ts";
import type { Shell } from "./shell.ts";

/** Version of this program. */
export const NX_VERSION = "0.1.0";

/** `nx version`: what this executable is. */
export function addVersion(program: Command, shell: Shell): void {
  program.command("version")
    .description("show what this executable is made of")
    .option("--json", "one JSON object")
    .action((options: { readonly json?: true }) => {
      if (options.json) shell.output.json(factsOf(shell.ports.version));
      else shell.output.line(versionText(shell.ports.version));
      shell.finish(EXIT.ok);
    });
}

/** What this executable is, a line for each fact. */
export function versionText(version: NxPorts["version"]): string {
  const facts = factsOf(version);
  const width = Math.max(...Object.keys(facts).map(({ length }) => length));
  return Object.entries(facts).map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

function factsOf(version: NxPorts["version"]): NxPorts["version"] {
  return { nx: NX_VERSION, ...version };
}

import type { Command } from "commander";
import { EXIT } from "./exit_code.ts";
import type { Shell } from "./shell.ts";

/** Version of this program. */
export const NX_VERSION = "0.1.0";

/** `nx version`: what this executable is. */
export function addVersion(program: Command, shell: Shell): void {
  program.command("version")
    .description("show what this executable is made of")
    .option("--json", "one JSON object")
    .action((options: { readonly json?: true }) => {
      const facts = { nx: NX_VERSION, ...shell.ports.version };
      if (options.json) shell.output.json(facts);
      else {
        const width = Math.max(...Object.keys(facts).map(({ length }) => length));
        for (const [name, value] of Object.entries(facts)) {
          shell.output.line(`${name.padEnd(width)}  ${value}`);
        }
      }
      shell.finish(EXIT.ok);
    });
}

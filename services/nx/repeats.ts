import type { Command } from "commander";

/** Options that are meant to be given several times. */
const COLLECTED: readonly (string | undefined)[] = ["--peer"];

/** Has a command, and those below it, refuse an option that is given two values. */
export function refuseRepeats(command: Command): void {
  for (const option of command.options) {
    if (option.isBoolean() || COLLECTED.includes(option.long)) continue;
    let given = 0;
    command.on(`option:${option.name()}`, () => {
      given += 1;
      if (given > 1) command.error(`error: option '${option.flags}' is given twice`);
    });
  }
  for (const below of command.commands) refuseRepeats(below);
}

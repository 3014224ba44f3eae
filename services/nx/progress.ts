import type { Progress } from "@runtime/core/state_ports.ts";
import type { Shell } from "./shell.ts";

/** Work that takes no longer is not told of. */
const SILENT_NS = 1e9;
/** Plain lines are this far apart. */
const LINE_STEP = 0.25;
const DRAWN_STEP = 0.01;

/**
 * Tells how far a long work is: on a terminal in one line that is drawn over, elsewhere in a line for
 * each quarter. It goes to standard error, so that standard output holds what was asked for.
 */
export function progressOver(
  { ports: { terminal, clock } }: Pick<Shell, "ports">,
  what: string,
): Progress {
  const startNs = clock.nowNs();
  const step = terminal.interactive ? DRAWN_STEP : LINE_STEP;
  let told = 0;
  let shown = false;
  return (done) => {
    // What is worked on twice begins anew.
    if (done < told) told = 0;
    const due = done - told >= step || done === 1 && shown;
    if (!due || clock.nowNs() - startNs < SILENT_NS) return;
    told = done;
    shown = done < 1;
    const percent = `${what} ${Math.round(100 * done)} %`;
    if (!terminal.interactive) terminal.error(`nx: ${percent}\n`);
    else terminal.error(`\r${percent}${done === 1 ? "\n" : ""}`);
  };
}

/** How many tests and checks passed and failed. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Names of tests that did not run because what they need is absent. */
  readonly ignored: readonly string[];
}

export const NOTHING: Tally = { passed: 0, failed: 0, ignored: [] };

export function sum(left: Tally, right: Tally): Tally {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    ignored: [...left.ignored, ...right.ignored],
  };
}

/** A check that either holds or does not. */
export function ofCheck(holds: boolean): Tally {
  return { passed: holds ? 1 : 0, failed: holds ? 0 : 1, ignored: [] };
}

/**
 * Reads what `deno test` printed. A run without a summary, or one that ended badly although no
 * test failed (a file that does not load, say), counts as one failure.
 */
export function ofTests(output: string, code: number): Tally {
  const text = plain(output);
  const summary = [...text.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed/gm)].at(-1);
  if (summary === undefined) return ofCheck(false);
  const failed = Number(summary[2]);
  const ignored = [...text.matchAll(/^(.*) \.\.\. ignored \(/gm)].map(([, name = ""]) =>
    name.trim()
  );
  return {
    passed: Number(summary[1]),
    failed: code !== 0 && failed === 0 ? 1 : failed,
    ignored,
  };
}

/** Reads the last line that {@linkcode lineOf} wrote; without one the run counts as one failure. */
export function ofLine(output: string, code: number): Tally {
  const found = [...plain(output).matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  if (found === undefined) return ofCheck(false);
  const failed = Number(found[2]);
  const hidden = code !== 0 && failed === 0;
  return { passed: Number(found[1]), failed: hidden ? 1 : failed, ignored: [] };
}

export function lineOf({ passed, failed }: Tally): string {
  return `${passed} passed, ${failed} failed`;
}

/** Where data or tools may be missing an ignored test is listed; where all must be there it fails. */
export function strict(tally: Tally): Tally {
  return { ...tally, failed: tally.failed + tally.ignored.length, ignored: [] };
}

/** Output without the colours of a terminal. */
function plain(output: string): string {
  // deno-lint-ignore no-control-regex
  return output.replace(/\x1b\[[0-9;]*m/g, "");
}

/** How much one check shall do: whichever bound it reaches first. */
export interface SoakBudget {
  readonly seconds: number;
  readonly casesMax: number;
}

/** What one check did. */
export interface SoakResult {
  readonly cases: number;
  /** Each line says what failed and how to repeat it. */
  readonly failures: readonly string[];
}

/** One long check. */
export interface SoakCheck {
  readonly name: string;
  /** Share of the time that all checks get together, in relation to the others' shares. */
  readonly share: number;
  /** Cases of a full run. */
  readonly fullCases: number;
  /** What one case is, for the report. */
  readonly oneCase: string;
  run(budget: SoakBudget): Promise<SoakResult>;
}

/**
 * Runs cases one after the other until the budget is used up or one of them fails. At least one
 * runs.
 */
export async function repeated(
  budget: SoakBudget,
  one: (index: number) => void | Promise<void>,
): Promise<SoakResult> {
  const endMs = performance.now() + 1_000 * budget.seconds;
  let cases = 0;
  do {
    try {
      await one(cases);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { cases, failures: [`case ${cases}: ${why}`] };
    }
    cases += 1;
  } while (cases < budget.casesMax && performance.now() < endMs);
  return { cases, failures: [] };
}

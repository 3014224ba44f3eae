/** What a test may ask for. */
export interface TestOptions {
  /** Reports the test as ignored: data that it needs is absent. */
  readonly ignore?: boolean;
}

/**
 * Registers a test with every sanitizer on: a leaked timer, socket or promise fails it on each Deno.
 *
 * @param name `"<symbol> <claim>"`, or the name that a seed fixes, then a colon and the claim.
 */
export function test(
  name: string,
  body: (context: Deno.TestContext) => void | Promise<void>,
  options: TestOptions = {},
): void {
  Deno.test({
    name,
    fn: body,
    ignore: options.ignore ?? false,
    sanitizeOps: true,
    sanitizeResources: true,
    sanitizeExit: true,
  });
}

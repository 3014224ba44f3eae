/** What the exit codes of every command mean. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  /** A node that cannot go on, and may when it is started again. Source: BSD, EX_TEMPFAIL. */
  restart: 75,
  timedOut: 124,
} as const;

/** The same as text, at the end of every help. */
export const EXIT_CODES_TEXT = `Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such node or peer,
            4 denied by policy, 75 node must be started again, 124 timed out`;

/** A command that cannot do what it was asked. The message is one line that says what to do. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  /** One of {@linkcode EXIT}. */
  readonly exitCode: number;

  /** @param options As `cause` the failure behind it. */
  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

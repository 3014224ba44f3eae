/** How a child process ran. */
export interface Outcome {
  readonly code: number;
  /** Signal that ended it, if one did. */
  readonly signal: string | undefined;
  readonly timedOut: boolean;
  /** What it wrote to both outputs, as far as {@linkcode OUTPUT_LENGTH_MAX} allows: the end is kept. */
  readonly output: string;
  readonly durationMs: number;
}

export interface ProcessOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Gives the child `env` and nothing else. */
  readonly clearEnv?: boolean;
  /** After this time the child is killed. */
  readonly timeoutMs: number;
  /** Keeps the child's output from this process' own. */
  readonly quiet?: boolean;
}

/** Characters of output that are kept of one child. */
export const OUTPUT_LENGTH_MAX = 4 << 20;

/** Exit code of a program that is not there, as a shell gives it. */
export const CODE_NOT_FOUND = 127;

/**
 * Runs a program to its end, shows what it writes and keeps it. Its standard input is empty.
 *
 * A program that cannot be started counts as one that ended with {@linkcode CODE_NOT_FOUND}.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: ProcessOptions,
): Promise<Outcome> {
  const startMs = performance.now();
  const child = spawned(command, args, options);
  if (typeof child === "string") {
    const end = { code: CODE_NOT_FOUND, signal: undefined, timedOut: false };
    return { ...end, output: child, durationMs: 0 };
  }
  let output = "";
  let timedOut = false;
  const readers: ReadableStreamDefaultReader<Uint8Array>[] = [];
  const drain = async (stream: ReadableStream<Uint8Array>, shown: typeof Deno.stdout) => {
    const reader = stream.getReader();
    readers.push(reader);
    const decoder = new TextDecoder();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (options.quiet !== true) writeAll(shown, part.value);
      output = (output + decoder.decode(part.value, { stream: true })).slice(-OUTPUT_LENGTH_MAX);
    }
  };
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill("SIGKILL");
    // A grandchild may hold the pipes open: what it still writes is nobody's.
    for (const reader of readers) reader.cancel();
  }, options.timeoutMs);
  const [status] = await Promise.all([
    child.status,
    drain(child.stdout, Deno.stdout),
    drain(child.stderr, Deno.stderr),
  ]);
  clearTimeout(timer);
  const durationMs = performance.now() - startMs;
  return { code: status.code, signal: status.signal ?? undefined, timedOut, output, durationMs };
}

/** @returns The child, or why it could not be started. */
function spawned(
  command: string,
  args: readonly string[],
  options: ProcessOptions,
): Deno.ChildProcess | string {
  try {
    return new Deno.Command(command, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { ...options.env },
      clearEnv: options.clearEnv ?? false,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const why = `${command}: not found`;
    if (options.quiet !== true) console.error(why);
    return why;
  }
}

function writeAll(shown: typeof Deno.stdout, bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length;) offset += shown.writeSync(bytes.subarray(offset));
}

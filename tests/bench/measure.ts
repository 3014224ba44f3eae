/** What the ends of the session benchmark measure, the same for every contender. */

/** One exchange with a window: `count` messages of `size` bytes, at most `window` unanswered. */
export interface Exchange {
  readonly count: number;
  readonly size: number;
  readonly window: number;
}

/** The client's side of a contender. */
export interface Contender {
  /** Makes a connection, authenticates both sides, and ends it again. */
  dial(): Promise<void>;
  /** Messages that come back as they are. */
  echo(exchange: Exchange): Promise<void>;
  /** Messages of which only a short answer, or nothing but the last one, comes back. */
  oneWay(exchange: Exchange): Promise<void>;
}

/**
 * Dials that nobody counts. A dial runs each of its paths a few times only, so that V8 has compiled
 * them all no sooner: of every contender the first thousand are slower by a third to a half.
 */
const DIALS_BEFORE = 2_000;

/** What one client process is asked to measure. */
export type Job = "dial" | "dial4" | "echo64" | "echo64w16" | "echo64k" | "oneWay64k";

/** Largest message of a session in one record; the contenders all use it. */
export const LARGE = 65_472;
/** Sizes are chosen so that a message with its word and frame is about 64 bytes on the wire. */
const SMALL = 60;

/** Runs a job after a warm-up. Returns operations a second, or MB/s where bytes are meant. */
export async function measure(contender: Contender, job: Job): Promise<number> {
  switch (job) {
    case "dial":
      return await rate(1_500, DIALS_BEFORE, (count) => dials(contender, count, 1));
    case "dial4":
      return await rate(1_500, DIALS_BEFORE, (count) => dials(contender, count, 4));
    case "echo64":
      return await rate(
        20_000,
        5_000,
        (count) => contender.echo({ count, size: SMALL, window: 1 }),
      );
    case "echo64w16":
      return await rate(
        16_000,
        4_000,
        (count) => contender.echo({ count, size: SMALL, window: 16 }),
      );
    case "echo64k":
      return await rate(3_000, 600, (count) => contender.echo({ count, size: LARGE, window: 8 })) *
        LARGE / 1e6;
    case "oneWay64k":
      return await rate(
        3_000,
        400,
        (count) => contender.oneWay({ count, size: LARGE, window: 16 }),
      ) * LARGE / 1e6;
  }
}

async function rate(
  count: number,
  warmUp: number,
  run: (count: number) => Promise<void>,
): Promise<number> {
  await run(warmUp);
  const start = performance.now();
  await run(count);
  return count / (performance.now() - start) * 1e3;
}

async function dials(contender: Contender, count: number, width: number): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await contender.dial();
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** Tells the parent process something: one JSON value a line. */
export function tell(value: unknown): void {
  console.log(JSON.stringify(value));
}

/** Ends this process with its parent: a server has nothing else to wait for. */
export async function untilParentEnds(): Promise<never> {
  for await (const _ of Deno.stdin.readable);
  Deno.exit(0);
}

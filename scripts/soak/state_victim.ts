import type { Answer } from "./state_model.ts";

/** When a victim is killed, counted from when it begins with the image. */
export type KillMoment =
  | { readonly after: "milliseconds"; readonly count: number }
  /** As soon as so many answers of its store were read. */
  | { readonly after: "answers"; readonly count: number };

/** What a victim works on. */
export interface VictimOrder {
  /** The program: it takes image, seed and round. */
  readonly program: string;
  readonly image: string;
  readonly seed: number;
  readonly round: number;
}

/** One that waits this long for a number of answers is killed all the same. */
const ANSWERS_MS_MAX = 2_000;
const BEGIN = "begin";

/**
 * A writer in a process of its own. It is started ahead of its turn, so that no round waits for a
 * process to load its program.
 */
export class StateVictim {
  readonly #child: Deno.ChildProcess;
  readonly #errors: Promise<string>;

  constructor({ program, image, seed, round }: VictimOrder) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--quiet", "-A", program, image, `${seed}`, `${round}`],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#errors = new Response(this.#child.stderr).text();
  }

  /**
   * Lets it begin, kills it without warning, and waits until it is gone.
   *
   * @returns What it passed on up to then.
   * @throws {Error} when it ended by itself.
   */
  async killed(moment: KillMoment): Promise<readonly Answer[]> {
    const input = this.#child.stdin.getWriter();
    await input.write(new Uint8Array(1));
    await input.close();
    const answers = await this.#answersUntil(moment);
    const { signal, code } = await this.#child.status;
    const errors = await this.#errors;
    if (signal !== "SIGKILL") throw new Error(`the writer ended by itself with ${code}: ${errors}`);
    return answers;
  }

  /** Ends one whose turn does not come. */
  async discard(): Promise<void> {
    await this.#child.stdin.close();
    await Promise.all([this.#child.stdout.cancel(), this.#errors, this.#child.status]);
  }

  async #answersUntil({ after, count }: KillMoment): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const kill = () => this.#kill();
    for await (const line of linesOf(this.#child.stdout)) {
      if (line === BEGIN) {
        if (after === "milliseconds" && count === 0) kill();
        else timer = setTimeout(kill, after === "milliseconds" ? count : ANSWERS_MS_MAX);
        continue;
      }
      answers.push(answerOf(line));
      if (after === "answers" && answers.length === count) kill();
    }
    clearTimeout(timer);
    return answers;
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It ended by itself: its exit code tells.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** Whole lines: what a dying process left unfinished was not said. */
async function* linesOf(bytes: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

function answerOf(line: string): Answer {
  const [, number, status, sequence] = /^(\d+) (\w+) (\d+)$/.exec(line) ?? [];
  if (number === undefined || status === undefined || sequence === undefined) {
    throw new Error(`the writer said ${line}`);
  }
  return { number: Number(number), status, sequence: BigInt(sequence) };
}

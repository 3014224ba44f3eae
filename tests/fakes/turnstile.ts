import type { DrawBytes } from "@services/keystored/keys/key_cells.ts";
import type { KeyStore } from "@services/keystored/keys/key_store.ts";

/** Turns of the run queue that everything which can go on needs at most between two waits. */
const TURNS = 200;

/** Work that waits until a test lets it go, one after the other in an order of the test's. */
export class Turnstile {
  readonly #waiting: (() => void)[] = [];

  /** Runs `work` when it is let through. */
  async through<T>(work: () => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await promise;
    return await work();
  }

  /** Lets one after the other through until nothing waits. @param choose Which of so many. */
  async drain(choose: (count: number) => number): Promise<void> {
    for (;;) {
      for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
      const { length } = this.#waiting;
      if (length === 0) return;
      const [go] = this.#waiting.splice(length === 1 ? 0 : choose(length), 1);
      go?.();
    }
  }
}

/** A store every call of which waits at the turnstile. */
export function turnedStore(store: KeyStore, turnstile: Turnstile): KeyStore {
  return {
    list: () => store.list(),
    get: (place) => turnstile.through(() => store.get(place)),
    put: (place, record) => turnstile.through(() => store.put(place, record)),
    mark: (place) => turnstile.through(() => store.mark(place)),
    unmark: (place) => turnstile.through(() => store.unmark(place)),
  };
}

export function turnedDraw(draw: DrawBytes, turnstile: Turnstile): DrawBytes {
  return (length) => turnstile.through(() => draw(length));
}

/**
 * Runs `body` once for every way to answer its questions.
 *
 * @returns How many ways there were.
 */
export async function everyWay(
  body: (choose: (count: number) => number) => Promise<void>,
): Promise<number> {
  let ways = 0;
  let answers: number[] = [];
  for (;;) {
    const asked: { readonly answer: number; readonly count: number }[] = [];
    await body((count) => {
      const answer = answers[asked.length] ?? 0;
      asked.push({ answer, count });
      return answer;
    });
    ways += 1;
    let last = asked.pop();
    while (last !== undefined && last.answer + 1 >= last.count) last = asked.pop();
    if (last === undefined) return ways;
    answers = [...asked.map(({ answer }) => answer), last.answer + 1];
  }
}

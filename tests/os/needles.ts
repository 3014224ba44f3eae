/** Bytes in a row that are taken for no coincidence. */
const WINDOW = 8;

/** Secrets that are looked for, whole or in part: any eight of their bytes in a row are a find. */
export class Needles {
  readonly #bytes: Uint8Array;
  /** Where each four bytes in a row stand. */
  readonly #index = new Map<number, number[]>();

  constructor(secrets: readonly Uint8Array[]) {
    const length = secrets.reduce((sum, secret) => sum + secret.length, 0);
    this.#bytes = new Uint8Array(length);
    let start = 0;
    for (const secret of secrets) {
      this.#bytes.set(secret, start);
      for (let at = 0; at + WINDOW <= secret.length; at++) this.#add(start + at);
      start += secret.length;
    }
  }

  /** @returns Where in the secrets, one behind the other, what was found there begins. */
  in(bytes: Uint8Array): number[] {
    const found: number[] = [];
    for (let at = 0; at + WINDOW <= bytes.length; at++) {
      const starts = this.#index.get(wordAt(bytes, at));
      if (starts === undefined) continue;
      found.push(...starts.filter((start) => this.#same(bytes, at, start)));
    }
    return found;
  }

  #add(start: number): void {
    const word = wordAt(this.#bytes, start);
    const starts = this.#index.get(word);
    if (starts === undefined) this.#index.set(word, [start]);
    else starts.push(start);
  }

  #same(bytes: Uint8Array, at: number, start: number): boolean {
    for (let offset = 4; offset < WINDOW; offset++) {
      if (bytes[at + offset] !== this.#bytes[start + offset]) return false;
    }
    return true;
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return (a | b << 8 | c << 16 | d << 24) >>> 0;
}

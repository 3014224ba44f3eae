/** What a byte did to a line that is being typed. */
export type Typed = "more" | "entered" | "interrupted" | "ended";

const BACKSPACE = 0x08;
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const CTRL_U = 0x15;
/** What a terminal in its raw mode no longer makes a signal of. */
const CTRL_BACKSLASH = 0x1c;
const BLANK = 0x20;
const DELETE = 0x7f;
/** Of UTF-8: `10xxxxxx` goes on with a character. */
const CONTINUES_MASK = 0xc0;
const CONTINUES = 0x80;

/** A line that nobody sees, byte by byte, within a bound; it is overwritten when it is done with. */
export class TypedLine {
  readonly #bytes: Uint8Array;
  #length = 0;
  #tooLong = false;

  constructor(lengthMax: number) {
    this.#bytes = new Uint8Array(lengthMax);
  }

  /** Whether more was typed than there is room for. What is too long is read to its end all the same. */
  get tooLong(): boolean {
    return this.#tooLong;
  }

  /** A copy of the line, which the caller overwrites. */
  get line(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** A key of a terminal: Enter ends the line, Backspace and Ctrl-U take back. Other keys that are none count for nothing. */
  type(byte: number): Typed {
    switch (byte) {
      case CTRL_C:
      case CTRL_BACKSLASH:
        return "interrupted";
      case CTRL_D:
        return "ended";
      case LINE_FEED:
      case CARRIAGE_RETURN:
        return "entered";
      case BACKSPACE:
      case DELETE:
        this.#takeBack();
        return "more";
      case CTRL_U:
        this.wipe();
        return "more";
    }
    if (byte >= BLANK) this.#add(byte);
    return "more";
  }

  /** A byte of an input that is no terminal: a line feed ends the line. */
  read(byte: number): Typed {
    if (byte === LINE_FEED) return "entered";
    this.#add(byte);
    return "more";
  }

  /** Begins anew. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#length = 0;
    this.#tooLong = false;
  }

  #add(byte: number): void {
    if (this.#length === this.#bytes.length) this.#tooLong = true;
    else this.#bytes[this.#length++] = byte;
  }

  /** Takes the last character back, which may be several bytes. */
  #takeBack(): void {
    let last: number;
    do {
      if (this.#length === 0) return;
      last = this.#bytes[--this.#length] ?? 0;
      this.#bytes[this.#length] = 0;
    } while ((last & CONTINUES_MASK) === CONTINUES);
  }
}

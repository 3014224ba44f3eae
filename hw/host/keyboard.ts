import {
  FileFailure,
  type HiddenLine,
  type Keyboard,
  type Processes,
} from "@runtime/core/program_ports.ts";
import { fileErrorOf } from "./files.ts";
import { type Typed, TypedLine } from "./typed_line.ts";
import { type SyncWriter, writeAllSync } from "./uart_stdout.ts";

/** Bytes of one read of the input. */
const READ_LENGTH = 256;
const INPUT = "standard input";
const UTF8 = new TextEncoder();

/** Standard input, as a keyboard needs it. */
export interface KeyInput {
  isTerminal(): boolean;
  /** Ends echo, line editing and the signals of keys, or brings them back. */
  setRaw(raw: boolean): void;
  /** `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
}

/** What a keyboard stands on beside standard input. */
export interface KeyboardPorts {
  readonly input?: KeyInput;
  /** Where a prompt is shown. */
  readonly error?: SyncWriter;
  /** A signal must not end the process while nothing that is typed is shown. */
  readonly onStop: Processes["onStop"];
}

/** Whoever sits at standard input. */
export function hostKeyboard(
  { input = Deno.stdin, error = Deno.stderr, onStop }: KeyboardPorts,
): Keyboard {
  const lines = new InputLines(input);
  return {
    interactive: input.isTerminal(),
    async hiddenLine(prompt, lengthMax) {
      const stopped = Promise.withResolvers<undefined>();
      const unwatch = onStop(() => stopped.resolve(undefined));
      try {
        raw(input, true); // before the prompt: what is typed at once is not shown either
        try {
          show(error, prompt);
          return await lines.next(new TypedLine(lengthMax), "type", stopped.promise);
        } finally {
          raw(input, false);
          show(error, "\n");
        }
      } finally {
        unwatch();
      }
    },
    inputLine: (lengthMax) => lines.next(new TypedLine(lengthMax), "read", NEVER),
  };
}

const NEVER = new Promise<undefined>(() => {});

/** Lines of an input; what came behind one is kept for the next. */
class InputLines {
  readonly #input: KeyInput;
  readonly #bytes = new Uint8Array(READ_LENGTH);
  #rest: Uint8Array = this.#bytes.subarray(0, 0);
  /** A read that a signal left under way: what it brings is the next line's. */
  #reading: Promise<Uint8Array | "ended"> | undefined;

  constructor(input: KeyInput) {
    this.#input = input;
  }

  /** @param stopped Resolves when nobody waits for the line any more. */
  async next(
    line: TypedLine,
    how: "type" | "read",
    stopped: Promise<undefined>,
  ): Promise<HiddenLine> {
    try {
      for (;;) {
        const end = this.#take(line, how);
        if (end !== "more") return resultOf(line, end);
        this.#reading ??= this.#read();
        const more = await Promise.race([this.#reading, stopped]);
        if (more === undefined) return { status: "interrupted" };
        this.#reading = undefined;
        if (more === "ended") return { status: "ended" };
        this.#rest = more;
      }
    } finally {
      line.wipe();
    }
  }

  /** Takes what is there, up to the end of the line. */
  #take(line: TypedLine, how: "type" | "read"): Typed {
    while (this.#rest.length > 0) {
      const [byte = 0] = this.#rest;
      this.#rest[0] = 0;
      this.#rest = this.#rest.subarray(1);
      const typed = line[how](byte);
      if (typed !== "more") return typed;
    }
    return "more";
  }

  async #read(): Promise<Uint8Array | "ended"> {
    try {
      const length = await this.#input.read(this.#bytes);
      return length === null ? "ended" : this.#bytes.subarray(0, length);
    } catch (failure) {
      throw new FileFailure(fileErrorOf(failure), INPUT, { cause: failure });
    }
  }
}

function resultOf(line: TypedLine, end: Exclude<Typed, "more">): HiddenLine {
  if (end !== "entered") return { status: end };
  return line.tooLong ? { status: "too_long" } : { status: "ok", line: line.line };
}

function raw(input: KeyInput, wanted: boolean): void {
  try {
    input.setRaw(wanted);
  } catch (failure) {
    throw new FileFailure(fileErrorOf(failure), INPUT, { cause: failure });
  }
}

/** Whether a prompt can be shown changes nothing about what is asked. */
function show(error: SyncWriter, text: string): void {
  try {
    writeAllSync(error, UTF8.encode(text));
  } catch {
    // There is nowhere left to say so.
  }
}

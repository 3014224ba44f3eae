import type { HiddenLine, Keyboard } from "@runtime/core/program_ports.ts";

/** Somebody at a terminal, in a test's hands. */
export interface FakeKeyboard extends Keyboard {
  /** What was asked for, in order. */
  readonly prompts: readonly string[];
  /** Whether every line that was typed is overwritten. */
  wiped(): boolean;
}

/** Somebody who types these lines, one a question, or does something else. */
export function keyboardOf(
  ...answers: readonly (string | Exclude<HiddenLine["status"], "ok">)[]
): FakeKeyboard {
  const left = [...answers];
  const prompts: string[] = [];
  const typed: Uint8Array[] = [];
  return {
    interactive: true,
    prompts,
    wiped: () => typed.every((line) => line.every((byte) => byte === 0)),
    hiddenLine(prompt) {
      prompts.push(prompt);
      return Promise.resolve(answerOf(left.shift() ?? "ended", typed));
    },
    inputLine: () => Promise.resolve({ status: "ended" }),
  };
}

/** Standard input that is a pipe with one line in it. */
export function pipeOf(line: string): FakeKeyboard {
  const keyboard = keyboardOf();
  const typed: Uint8Array[] = [];
  const { interactive: _, ...rest } = keyboard;
  return {
    ...rest,
    interactive: false,
    wiped: () => typed.every((bytes) => bytes.every((byte) => byte === 0)),
    inputLine: () => Promise.resolve(answerOf(line, typed)),
  };
}

function answerOf(answer: string, typed: Uint8Array[]): HiddenLine {
  if (answer === "ended" || answer === "interrupted" || answer === "too_long") {
    return { status: answer };
  }
  const line = new TextEncoder().encode(answer);
  typed.push(line);
  return { status: "ok", line };
}

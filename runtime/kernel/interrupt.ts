import { assert } from "../core/assert.ts";
import type { InterruptController, Irq } from "../core/ports.ts";

/** Turns the controller's external interrupts into notifications of the task that owns the device. */
export class InterruptRouter {
  readonly #controller: InterruptController;
  readonly #run: (step: () => void) => void;
  readonly #lines = new Map<number, Line>();

  constructor(controller: InterruptController, run: (step: () => void) => void) {
    this.#controller = controller;
    this.#run = run;
    controller.onPending(() => this.#trap());
  }

  /** The line of one interrupt source; enabled at its first use. */
  line(source: number): Irq {
    const known = this.#lines.get(source);
    if (known !== undefined) return known;
    const line = new Line(source, this.#controller, this.#run);
    this.#lines.set(source, line);
    this.#controller.enable(source);
    return line;
  }

  /**
   * The line's owner has ended: what it waits for never comes, and what it did not complete is
   * completed, or the source would stay silent for whoever binds it next.
   */
  free(source: number): void {
    const line = this.#lines.get(source);
    if (line === undefined) return;
    this.#lines.set(source, new Line(source, this.#controller, this.#run));
    line.retire();
  }

  /** Claims until nothing is pending: a claim that reads 0 is the normal end of every interrupt. */
  #trap(): void {
    for (let source = this.#controller.claim(); source !== 0; source = this.#controller.claim()) {
      const line = this.#lines.get(source);
      assert(line !== undefined, "only lines that were bound are enabled");
      line.raise();
    }
  }
}

class Line implements Irq {
  readonly #source: number;
  readonly #controller: InterruptController;
  readonly #run: (step: () => void) => void;
  #pending = false;
  #claimed = false;
  #retired = false;
  #waiter: (() => void) | undefined;

  constructor(
    source: number,
    controller: InterruptController,
    run: (step: () => void) => void,
  ) {
    this.#source = source;
    this.#controller = controller;
    this.#run = run;
  }

  raise(): void {
    this.#pending = true;
    this.#claimed = true;
    this.#wake();
  }

  wait(): Promise<void> {
    assert(this.#waiter === undefined, "an interrupt has one waiter at a time");
    return new Promise((resolve) => {
      if (this.#retired) return;
      this.#waiter = resolve;
      this.#wake();
    });
  }

  complete(): void {
    if (this.#retired) return;
    this.#claimed = false;
    this.#controller.complete(this.#source);
  }

  /** Nobody is woken by it any more. */
  retire(): void {
    if (this.#claimed) this.complete();
    this.#retired = true;
    this.#pending = false;
    this.#waiter = undefined;
  }

  #wake(): void {
    const waiter = this.#waiter;
    if (!this.#pending || waiter === undefined) return;
    this.#pending = false;
    this.#waiter = undefined;
    this.#run(waiter);
  }
}

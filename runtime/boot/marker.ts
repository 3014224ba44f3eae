import { assert } from "../core/assert.ts";
import type { Console } from "../core/ports.ts";
import { filledMarker, type MarkerDeclaration } from "../idl/marker.ts";
import type { Evidence } from "./component.ts";
import type { MarkerOrder } from "./marker_order.ts";

const UTF8 = new TextEncoder();

/** A marker that was printed, for reports. */
export interface ProvenMarker {
  readonly line: string;
  readonly task: string;
  readonly atNs: number;
}

/**
 * The only way to the console. A marker prints with its evidence or, being a bug, faults the task:
 * a count must be positive, text and bytes must not be empty, bytes not all zero.
 */
export class MarkerPrinter {
  readonly #uart: Console;
  readonly #observe: (marker: ProvenMarker) => void;
  readonly #nowNs: () => number;
  readonly #order: MarkerOrder | undefined;

  /** @param order Where markers come from several isolates: each waits for those before it. */
  constructor(
    uart: Console,
    nowNs: () => number,
    observe: (marker: ProvenMarker) => void,
    order?: MarkerOrder,
  ) {
    this.#uart = uart;
    this.#nowNs = nowNs;
    this.#observe = observe;
    this.#order = order;
  }

  /**
   * Prints a declared marker of `task`.
   *
   * @param order Its number, where it was proven elsewhere; it is proven here and now unless given.
   * @returns false for a number that nobody drew: nothing is printed.
   */
  prove(
    task: string,
    declaration: MarkerDeclaration,
    evidence: Readonly<Record<string, Evidence>>,
    order?: number,
  ): boolean {
    const print = () => this.#print(task, declaration, evidence);
    if (this.#order !== undefined) return this.#order.put(order ?? this.#order.draw(), print);
    print();
    return true;
  }

  #print(
    task: string,
    declaration: MarkerDeclaration,
    evidence: Readonly<Record<string, Evidence>>,
  ): void {
    assertShown(declaration, evidence);
    const line = filledMarker(declaration.line, evidence);
    assert(line !== undefined, `marker "${declaration.line}" has its placeholders filled`);
    this.#uart.write(UTF8.encode(`${line}\n`));
    this.#observe({ line, task, atNs: this.#nowNs() });
  }
}

/** Holds a marker to its evidence: without it, whoever prints it has a bug. */
export function assertShown(
  declaration: MarkerDeclaration,
  evidence: Readonly<Record<string, Evidence>>,
): void {
  for (const name of declaration.evidence) {
    assert(shows(evidence[name]), `marker "${declaration.line}" needs evidence ${name}`);
  }
  const filled = filledMarker(declaration.line, evidence) !== undefined;
  assert(filled, `marker "${declaration.line}" has its placeholders filled`);
}

/** Whether a marker is the declared one: what another isolate says is not taken for granted. */
export function isShown(
  declaration: MarkerDeclaration,
  evidence: Readonly<Record<string, Evidence>>,
): boolean {
  return declaration.evidence.every((name) => shows(evidence[name])) &&
    filledMarker(declaration.line, evidence) !== undefined;
}

function shows(evidence: Evidence | undefined): boolean {
  if (evidence === undefined) return false;
  if (typeof evidence === "number") return Number.isFinite(evidence) && evidence > 0;
  if (typeof evidence === "string") return evidence.length > 0;
  return evidence.some((byte) => byte !== 0);
}

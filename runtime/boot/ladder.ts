import { type MarkerDeclaration, markerPattern, type Phase, PHASES } from "../idl/marker.ts";
import { FORBIDDEN } from "./phases/forbidden.ts";

/** A marker of the manifest: its declaration, and who prints it. */
export interface LadderMarker extends MarkerDeclaration {
  readonly task: string;
}

/** Where a run ends. */
export interface LadderOptions {
  /** Stop after this phase's last required marker; without one, after the ladder's last. */
  readonly phase?: Phase | undefined;
  /**
   * Stop after this line, with typed placeholders, whatever else is missing by then. A console that
   * came to the ladder's end without it is red: it comes no more.
   */
  readonly until?: string | undefined;
  /** Whether the node keeps no state: what needs one is then not asked for. */
  readonly stateless?: boolean | undefined;
}

/** What one run must bring about beside the manifest: a refusal, and never its opposite. */
export interface Expectation {
  readonly phase: Phase;
  /** Required, exactly so; whatever the manifest says of its shape. */
  readonly line: string;
  /** Forbidden. */
  readonly never: string;
}

/** Why a ladder is red. */
export type LadderFailure =
  | { readonly kind: "missing"; readonly phase: Phase; readonly line: string }
  | { readonly kind: "forbidden" | "failure" | "undeclared" | "until"; readonly line: string }
  | { readonly kind: "order"; readonly line: string; readonly before: string };

/** Lines that only a daemon's declaration may make. */
const MARKER_SHAPE = /^(?:K?SELFTEST|[a-z]+d|init|net|dsoftbus|blk|abi-[a-z]+): /;

/**
 * Judges one console against the manifest: whole lines, exactly; required ones present, in order;
 * no forbidden one, no failure, and no line that looks like a marker and was never declared.
 */
export class LadderJudge {
  readonly #markers: readonly { readonly marker: LadderMarker; readonly pattern: RegExp }[];
  readonly #expected = new Map<string, Expectation>();
  readonly #never = new Set<string>();
  #required: readonly RequiredLine[];
  readonly #orders: readonly (readonly string[])[];
  readonly #until: { readonly line: string; readonly pattern: RegExp } | undefined;
  readonly #seen = new Set<string>();
  readonly #failures: LadderFailure[] = [];
  #untilSeen = false;

  /**
   * @param manifest Every declared marker, in the order of the ladder.
   * @param orders Lines that must appear in this order, each chain on its own.
   */
  constructor(
    manifest: readonly LadderMarker[],
    orders: readonly (readonly string[])[],
    options: LadderOptions = {},
  ) {
    this.#markers = manifest.map((marker) => ({ marker, pattern: markerPattern(marker.line) }));
    const { phase, until, stateless } = options;
    const asked = stateless ? manifest.filter(({ needs }) => needs === undefined) : manifest;
    const lines = new Set(asked.map(({ line }) => line));
    this.#required = requiredOf(asked, until === undefined ? phase : undefined);
    this.#orders = orders.map((order) => order.filter((line) => lines.has(line)));
    this.#until = until === undefined ? undefined : { line: until, pattern: markerPattern(until) };
  }

  /** Asks for one line more; before the console shows it. */
  expect(expectation: Expectation): void {
    const { line, phase, never } = expectation;
    this.#expected.set(line, expectation);
    this.#never.add(never);
    this.#required = inOrder([...this.#required, { line, phase }]);
  }

  /** What an expected line needs has been done: without the line by now the console is red. */
  due(line: string): void {
    const expectation = this.#expected.get(line);
    if (expectation === undefined || this.#seen.has(line)) return;
    this.#failures.push({ kind: "missing", phase: expectation.phase, line });
  }

  /** Whether an expected line came. */
  saw(line: string): boolean {
    return this.#seen.has(line);
  }

  /** Takes one line of the console, without its line feed. */
  take(line: string): void {
    if (this.#until?.pattern.test(line)) this.#untilSeen = true;
    if (this.#never.has(line)) this.#failures.push({ kind: "forbidden", line });
    else if (this.#expected.has(line)) this.#seen.add(line);
    else this.#judge(line);
  }

  #judge(line: string): void {
    const found = this.#markers.find(({ pattern }) => pattern.test(line));
    if (found?.marker.role === "failure") this.#failures.push({ kind: "failure", line });
    else if (FORBIDDEN.some((pattern) => pattern.test(line))) {
      this.#failures.push({ kind: "forbidden", line });
    } else if (found !== undefined) this.#see(found.marker);
    else if (MARKER_SHAPE.test(line)) this.#failures.push({ kind: "undeclared", line });
  }

  /** Whether nothing more needs to be waited for: green as far as asked, or red for good. */
  get finished(): boolean {
    if (this.#failures.length > 0) return true;
    return this.#untilSeen || this.#required.every(({ line }) => this.#seen.has(line));
  }

  /** What is wrong so far, the first missing marker last. Empty is green. */
  verdict(): readonly LadderFailure[] {
    if (this.#until !== undefined) {
      if (this.#untilSeen) return [...this.#failures];
      return [...this.#failures, { kind: "until", line: this.#until.line }];
    }
    const missing = this.#firstMissing();
    const told = this.#failures.some(({ line }) => line === missing?.line);
    if (missing === undefined || told) return [...this.#failures];
    const { phase, line } = missing;
    return [...this.#failures, { kind: "missing", phase, line }];
  }

  /** The one that the console would show first: no chain has another missing line before it. */
  #firstMissing(): RequiredLine | undefined {
    const missing = this.#required.filter(({ line }) => !this.#seen.has(line));
    const lines = new Set(missing.map(({ line }) => line));
    const waits = (line: string) =>
      this.#orders.some((order) => {
        const place = order.indexOf(line);
        return order.slice(0, Math.max(place, 0)).some((earlier) => lines.has(earlier));
      });
    return missing.find(({ line }) => !waits(line)) ?? missing[0];
  }

  /** Required markers seen, and all of them. */
  get progress(): { readonly seen: number; readonly required: number } {
    const seen = this.#required.filter(({ line }) => this.#seen.has(line)).length;
    return { seen, required: this.#required.length };
  }

  #see({ line }: LadderMarker): void {
    if (this.#seen.has(line)) return;
    this.#seen.add(line);
    for (const order of this.#orders) {
      const place = order.indexOf(line);
      if (place <= 0) continue;
      const before = order.slice(0, place).find((earlier) => !this.#seen.has(earlier));
      if (before !== undefined) this.#failures.push({ kind: "order", line, before });
    }
  }
}

interface RequiredLine {
  readonly line: string;
  readonly phase: Phase;
}

/** Required markers up to the end of a phase, in the order of the ladder. */
function requiredOf(
  manifest: readonly LadderMarker[],
  phase: Phase = "end",
): readonly RequiredLine[] {
  const required = manifest.flatMap(({ line, phase, role }) =>
    role === "required" && phase !== null ? [{ line, phase }] : []
  );
  return inOrder(required).filter((each) => rankOf(each) <= PHASES.indexOf(phase));
}

function inOrder(lines: readonly RequiredLine[]): readonly RequiredLine[] {
  return lines.toSorted((left, right) => rankOf(left) - rankOf(right));
}

function rankOf({ phase }: RequiredLine): number {
  return PHASES.indexOf(phase);
}

/** One line for a person: what is wrong, and where. */
export function failureText(failure: LadderFailure): string {
  switch (failure.kind) {
    case "missing":
      return `first_failed_phase=${failure.phase} missing_marker='${failure.line}'`;
    case "order":
      return `out of order: '${failure.line}' came before '${failure.before}'`;
    case "until":
      return `never came: '${failure.line}'`;
    case "failure":
      return `failure marker '${failure.line}'`;
    case "forbidden":
      return `forbidden marker '${failure.line}'`;
    default:
      return `undeclared marker '${failure.line}'`;
  }
}

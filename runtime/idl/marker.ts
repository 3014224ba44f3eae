/**
 * Marker lines: what a daemon may print on the console, declared in its protocol and printed only
 * with evidence.
 *
 * @module
 */

/** Phases of the ladder, in order. `RUN_PHASE` names one of them. */
export const PHASES = [
  "bring-up",
  "mmio",
  "routing",
  "policy",
  "logd",
  "entropy",
  "state",
  "keystore",
  "net",
  "session",
  "end",
] as const;

export type Phase = typeof PHASES[number];

/**
 * One marker line.
 *
 * `<name>` in the line is a typed placeholder: `<id>` is 64 lower-case hex digits, `<ip>` a dotted
 * IPv4 address, `<count>`, `<entries>`, `<used>` and `<limit>` decimal numbers, `<name>` a principal's name, `<what>` words.
 */
export interface MarkerDeclaration {
  /** The line, literal but for placeholders. */
  readonly line: string;
  /** Phase of the ladder it belongs to, or `null` for a line that no ladder asks for. */
  readonly phase: Phase | null;
  /** What the line proves, for the reference page. */
  readonly proves: string;
  /**
   * `required`: the ladder is red without it. `allowed`: may appear. `failure`: the ladder is red
   * when it appears.
   */
  readonly role: "required" | "allowed" | "failure";
  /** `state`: only a node that keeps its state prints it, or one that booted on it before. */
  readonly needs?: "state";
  /**
   * Names of the evidence that must be shown before the line prints: a positive count, a text or
   * bytes that are not empty and not all zero.
   */
  readonly evidence: readonly string[];
}

/** Text form of each placeholder. */
export const PLACEHOLDERS: Readonly<Record<string, RegExp>> = {
  id: /[0-9a-f]{64}/,
  ip: /\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}/,
  count: /\d+/,
  entries: /\d+/,
  used: /\d+/,
  limit: /\d+/,
  name: /[a-z][a-z0-9.:_-]*/,
  what: /[a-z]+(?: [a-z]+)*/,
};

const SPLIT = /<([a-z]+)>/;

/** A pattern that matches the whole line of a marker and nothing else. */
export function markerPattern(line: string): RegExp {
  const parts = line.split(SPLIT).map((part, index) =>
    index % 2 === 0 ? escaped(part) : `(?:${PLACEHOLDERS[part]?.source ?? escaped(`<${part}>`)})`
  );
  return new RegExp(`^${parts.join("")}$`);
}

/** A declared line, taken apart once. */
interface Template {
  readonly parts: readonly string[];
  readonly pattern: RegExp;
}

/** Lines that are kept taken apart: more than all protocols declare. */
const TEMPLATES_MAX = 1_024;
const TEMPLATES = new Map<string, Template>();

function templateOf(line: string): Template {
  const known = TEMPLATES.get(line);
  if (known !== undefined) return known;
  const template = { parts: line.split(SPLIT), pattern: markerPattern(line) };
  if (TEMPLATES.size < TEMPLATES_MAX) TEMPLATES.set(line, template);
  return template;
}

/** The line with its placeholders filled; `undefined` when one is missing or of the wrong shape. */
export function filledMarker(
  line: string,
  evidence: Readonly<Record<string, unknown>>,
): string | undefined {
  const { parts, pattern } = templateOf(line);
  const filled = parts.map((part, index) => index % 2 === 0 ? part : String(evidence[part] ?? ""))
    .join("");
  return pattern.test(filled) ? filled : undefined;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

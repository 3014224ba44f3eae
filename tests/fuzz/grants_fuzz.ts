import { KNOWN_CAPABILITIES } from "@services/policyd/capabilities.ts";
import { type Grants, isSubject, parseGrants } from "@services/policyd/grants.ts";
import { GrantsError } from "@services/policyd/grants_error.ts";
import grants from "@services/policyd/grants/nexus.policy.toml" with { type: "text" };
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";

/**
 * A grants text that was changed means what it meant, when only its form was changed; any other is
 * refused by name, or says exactly what it reads as.
 */
export const name = "grants";

const CAPABILITIES = [...KNOWN_CAPABILITIES];
/** Pieces that a text may get anywhere: what TOML gives a meaning to, and what tempts a parser. */
const PIECES = [
  "\n",
  '"',
  "'",
  "=",
  "[",
  "]",
  "[[allow]]",
  "[allow]",
  "{",
  "}",
  ",",
  "#",
  ".",
  "\\u0000",
  "\0",
  "version = 1\n",
  "version = 2\n",
  'peer = ["node.stop"]\n',
  'allow.peer = ["node.stop"]\n',
  '__proto__ = ["node.stop"]\n',
  'constructor = ["node.stop"]\n',
  '"*" = ["node.stop"]\n',
  `"peer:${"ab".repeat(32)}" = ["rng.entropy"]\n`,
  "nan",
  "1979-05-27T07:32:00Z",
  "[".repeat(2_000),
  '"x" = {',
  '"""',
] as const;

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const expected = meaning(parseGrants(grants, KNOWN_CAPABILITIES));
  deepEqual(meaning(parseGrants(reformed(choices, expected), KNOWN_CAPABILITIES)), expected);
  checkText(choices, choices.oneIn(3) ? damagedText(choices) : patchedText(choices));
}

export function replay(bytes: Uint8Array): void {
  checkText(new Choices(bytes.length), new TextDecoder().decode(bytes));
}

/** Refused by name, or granted as written: nothing unknown, nobody unnamed, nothing by default. */
function checkText(choices: Choices, text: string): void {
  const parsed = parsedOrRefused(text);
  if (parsed === undefined) return;
  const lines = meaning(parsed);
  for (const [subject, capabilities] of Object.entries(lines)) {
    ok(isSubject(subject) && text.includes(subject.replace(/^peer:.*/, "peer")), subject);
    for (const capability of capabilities) ok(KNOWN_CAPABILITIES.has(capability), capability);
    ok(capabilities.every((capability) => parsed.allows(subject, capability)));
  }
  const again = parseGrants(reformed(choices, lines), KNOWN_CAPABILITIES);
  deepEqual(meaning(again), lines);
  for (const subject of ["", "nobody", "constructor", "__proto__", "toString"]) {
    if (Object.hasOwn(lines, subject)) continue;
    ok(!CAPABILITIES.some((capability) => parsed.allows(subject, capability)), subject);
  }
}

function parsedOrRefused(text: string): Grants | undefined {
  try {
    return parseGrants(text, KNOWN_CAPABILITIES);
  } catch (error) {
    if (!(error instanceof GrantsError)) throw error;
    deepEqual(error.name, `GrantsError ${error.code}`);
    return undefined;
  }
}

/** Who may do what, in one order. */
function meaning(parsed: Grants): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    parsed.lines().map(([subject, held]) => [subject, [...held].sort()] as const)
      .sort(([one], [other]) => one < other ? -1 : 1),
  );
}

/** The same grants in another form: order, quotes, comments, blanks and lines. */
function reformed(choices: Choices, lines: Readonly<Record<string, readonly string[]>>): string {
  const quoted = (text: string) =>
    choices.oneIn(2) ? `"${text}"` : choices.oneIn(4) ? `"${escaped(text)}"` : `'${text}'`;
  const key = (subject: string) =>
    /[:.]/.test(subject) || choices.oneIn(3) ? quoted(subject) : subject;
  const blank = () => choices.pick(["", " ", "\t", "  "]);
  const gap = () => choices.pick(["", " ", "\n", " # [allow]\n", "\n\n"]);
  const written = shuffled(choices, Object.entries(lines)).map(([subject, capabilities]) => {
    const list = shuffled(choices, capabilities).map((each) => `${gap()}${quoted(each)}${gap()}`);
    const end = list.length > 0 && choices.oneIn(2) ? "," : "";
    return `${blank()}${key(subject)}${blank()}=${blank()}[${list.join(",")}${end}${gap()}]`;
  });
  const comment = choices.oneIn(2) ? '# peer = ["node.stop"]\n' : "";
  return `${comment}version${blank()}=${blank()}1\n[${blank()}allow${blank()}]\n${
    written.join(choices.pick(["\n", "\n\n", " # more\n"]))
  }\n`;
}

/** The same text as TOML's escapes. */
function escaped(text: string): string {
  return [...text].map((letter) =>
    `\\u${(letter.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`
  ).join("");
}

function shuffled<T>(choices: Choices, items: readonly T[]): T[] {
  return items.map((item) => [choices.u32(), item] as const)
    .sort(([one], [other]) => one - other)
    .map(([, item]) => item);
}

function damagedText(choices: Choices): string {
  return new TextDecoder().decode(choices.damaged(new TextEncoder().encode(grants)));
}

/** Lines taken out, doubled and swapped, and pieces put in anywhere. */
function patchedText(choices: Choices): string {
  let lines = grants.split("\n");
  for (let left = choices.below(3); left > 0; left--) {
    const at = choices.below(lines.length);
    const line = lines[at] ?? "";
    const instead = choices.pick([[], [line, line], [
      line,
      lines[choices.below(lines.length)] ?? "",
    ]]);
    lines = [...lines.slice(0, at), ...instead, ...lines.slice(at + 1)];
  }
  let text = lines.join("\n");
  for (let left = choices.below(3); left > 0; left--) {
    const at = choices.below(text.length + 1);
    text = text.slice(0, at) + choices.pick(PIECES) + text.slice(at);
  }
  return text;
}

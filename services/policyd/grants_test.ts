import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { fnv1a64 } from "@runtime/core/fnv.ts";
import { KNOWN_CAPABILITIES } from "./capabilities.ts";
import { GrantsError } from "./grants_error.ts";
import {
  CAPABILITIES_MAX,
  GRANTS_LENGTH_MAX,
  isSubject,
  parseGrants,
  SUBJECTS_MAX,
} from "./grants.ts";

const ID = "ab".repeat(32);
const OTHER_ID = "cd".repeat(32);

function parsed(body: string, known = KNOWN_CAPABILITIES) {
  return parseGrants(`version = 1\n[allow]\n${body}`, known);
}

function refusedWith(text: string, known = KNOWN_CAPABILITIES): string {
  try {
    parseGrants(text, known);
  } catch (error) {
    ok(error instanceof GrantsError);
    equal(error.name, `GrantsError ${error.code}`);
    return error.code;
  }
  return "accepted";
}

test("Grants allow what a line says and nothing else", () => {
  const grants = parsed('vfsd = ["rng.entropy"]\nsamgrd = []');
  ok(grants.allows("vfsd", "rng.entropy"));
  ok(!grants.allows("vfsd", "rng"));
  ok(!grants.allows("vfsd", "rng.entropy.more"));
  ok(!grants.allows("vfs", "rng.entropy"));
  ok(!grants.allows("samgrd", "rng.entropy"));
  ok(!grants.allows("", "") && !grants.allows("constructor", "rng.entropy"));
});

test("Grants give a peer the common line and its own, and its own to nobody else", () => {
  const grants = parsed(`peer = ["samgr.resolve"]\n"peer:${ID}" = ["dsoftbus.ping"]`);
  ok(grants.allows(`peer:${ID}`, "samgr.resolve"));
  ok(grants.allows(`peer:${ID}`, "dsoftbus.ping"));
  ok(grants.allows(`peer:${OTHER_ID}`, "samgr.resolve"));
  ok(!grants.allows(`peer:${OTHER_ID}`, "dsoftbus.ping"));
  for (
    const almost of ["peer:", "peer:short", `peer:${ID}0`, `peer:${ID.toUpperCase()}`, "peers"]
  ) {
    ok(!grants.allows(almost, "samgr.resolve"), almost);
  }
});

test("Grants know a subject by its service id", () => {
  const grants = parsed('vfsd = ["rng.entropy"]');
  equal(grants.nameOf(fnv1a64("vfsd")), "vfsd");
  equal(grants.nameOf(0n), undefined);
});

test("isSubject takes names and peers, and nothing that could hide in a record", () => {
  for (const good of ["rngd", "nx-cli", "demo.testsvc", "nexus-init", `peer:${ID}`]) {
    ok(isSubject(good), good);
  }
  const bad = [
    "",
    "Rngd",
    "a b",
    "a\nb",
    "peer:",
    "peer:*",
    "*",
    "a:b",
    ".a",
    "a.",
    "a".repeat(81),
  ];
  for (const text of bad) ok(!isSubject(text), text);
});

test("parseGrants refuses all that is not a version and lists of known capabilities", () => {
  const head = "version = 1\n[allow]\n";
  const cases: readonly (readonly [string, string])[] = [
    ["not_toml", "version = "],
    ["not_toml", `${head}a = ["rng.entropy"]\na = ["rng.entropy"]`],
    ["bad_version", "[allow]\n"],
    ["bad_version", 'version = "1"\n[allow]\n'],
    ["bad_version", "version = 2\n[allow]\n"],
    ["unknown_section", `version = 1\n[deny]\n[allow]\n`],
    ["unknown_section", `include = ["x"]\nversion = 1\n[allow]\n`],
    ["not_a_list", "version = 1"],
    ["not_a_list", "version = 1\nallow = 1979-05-27T07:32:00Z"],
    ["not_a_list", 'version = 1\nallow = ["rng.entropy"]'],
    ["not_a_list", `${head}vfsd = "rng.entropy"`],
    ["not_a_list", `${head}vfsd = 1979-05-27`],
    ["not_a_list", `${head}[allow.vfsd]\nx = 1`],
    ["not_text", `${head}vfsd = ["rng.entropy", 1979-05-27]`],
    ["not_text", `${head}vfsd = [1]`],
    ["not_text", `${head}vfsd = [["rng.entropy"]]`],
    ["bad_subject", `${head}"*" = ["rng.entropy"]`],
    ["bad_subject", `${head}"peer:abc" = ["rng.entropy"]`],
    ["bad_subject", `${head}"${"a".repeat(81)}" = ["rng.entropy"]`],
    ["unknown_capability", `${head}vfsd = ["rng.entropi"]`],
    ["unknown_capability", `${head}vfsd = ["rng.*"]`],
    ["capability_too_long", `${head}vfsd = ["${"a".repeat(49)}"]`],
    ["duplicate_capability", `${head}vfsd = ["rng.entropy", "rng.entropy"]`],
    ["oversize", `${head}#${"x".repeat(GRANTS_LENGTH_MAX)}`],
  ];
  for (const [code, text] of cases) deepEqual([text, refusedWith(text)], [text, code]);
});

test("parseGrants bounds subjects and capabilities", () => {
  const head = "version = 1\n[allow]\n";
  const subjects = (count: number) =>
    head + Array.from({ length: count }, (_, index) => `s${index} = []`).join("\n");
  equal(refusedWith(subjects(SUBJECTS_MAX)), "accepted");
  equal(refusedWith(subjects(SUBJECTS_MAX + 1)), "too_many_subjects");
  const names = Array.from({ length: CAPABILITIES_MAX + 1 }, (_, index) => `c.n${index}`);
  const line = (count: number) =>
    `${head}s = [${names.slice(0, count).map((name) => `"${name}"`).join(", ")}]`;
  equal(refusedWith(line(CAPABILITIES_MAX), new Set(names)), "accepted");
  equal(refusedWith(line(CAPABILITIES_MAX + 1), new Set(names)), "too_many_capabilities");
});

test("a grants text never reaches an object's own prototype", () => {
  throws(() => parsed('__proto__ = ["rng.entropy"]'), GrantsError);
  const grants = parsed('constructor = ["rng.entropy"]');
  ok(grants.allows("constructor", "rng.entropy"));
  ok(!grants.allows("tostring", "rng.entropy"));
});

import { isSubject } from "../policyd/grants.ts";
import { InvalidArgumentError } from "commander";
import { text8 } from "@runtime/idl/field.ts";
import { equal, ok, throws } from "@tests/fakes/assert.ts";
import { nxWorld } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import { bounded, capabilityArgument, peerArgument, subjectArgument } from "./arguments.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";

const ID = "0123456789abcdef".repeat(4);

test("bounded takes what the field takes, in bytes, and names the bound of what it does not", () => {
  const read = bounded(text8(2, 4));
  for (const text of ["ab", "abcd", "\u00e4", "\u{1f600}"]) equal(read(text), text);
  for (const text of ["", "a", "abcde", "abc\u00e4"]) {
    throws(() => read(text), /It takes 2 to 4 bytes, not [0135]\./);
  }
});

test("peerArgument takes a device id, its beginning in either case, and any", () => {
  for (const text of [ID, "0123", "any"]) equal(peerArgument(text), text);
  equal(peerArgument("ABCD"), "abcd");
  for (const text of ["", "abc", "abcg", `${ID}0`, " 0123", "anyone", "peer:abcd"]) {
    throws(() => peerArgument(text), InvalidArgumentError, text);
  }
});

test("subjectArgument takes what policyd takes for a subject", () => {
  const texts = [
    "rngd",
    "nx-cli",
    "a.b-c",
    `peer:${ID}`,
    "peer:ab",
    "Rngd",
    "1a",
    "a b",
    "a.",
    "é",
  ];
  for (const text of [...texts, "", "a".repeat(80), "a".repeat(81)]) {
    if (isSubject(text)) equal(subjectArgument(text), text);
    else throws(() => subjectArgument(text), InvalidArgumentError, text);
  }
  equal(isSubject("rngd"), true);
});

test("capabilityArgument takes dotted names alone", () => {
  for (const text of ["rng.entropy", "a_b.c"]) equal(capabilityArgument(text), text);
  for (const text of ["", "Rng.entropy", "rng..entropy", "rng entropy", "a".repeat(49)]) {
    throws(() => capabilityArgument(text), InvalidArgumentError, text);
  }
});

const LONG = "x".repeat(400);
const REFUSED = [
  [["ping", ""], "peer", '4 to 64 hex digits nor "any"'],
  [["ping", LONG], "peer", '4 to 64 hex digits nor "any"'],
  [["resolve", "", "samgrd"], "peer", '4 to 64 hex digits nor "any"'],
  [["resolve", "abcd", ""], "service", "1 to 64 bytes, not 0"],
  [["resolve", "abcd", LONG], "service", "1 to 64 bytes, not 400"],
  [["log", "--scope", LONG], "--scope", "0 to 64 bytes, not 400"],
  [["policy", "check", LONG, "rng.entropy"], "subject", "1 to 80 bytes, not 400"],
  [["policy", "check", "", "rng.entropy"], "subject", "1 to 80 bytes, not 0"],
  [["policy", "check", "A b", "rng.entropy"], "subject", "no subject"],
  [["policy", "check", "rngd", LONG], "capability", "1 to 48 bytes, not 400"],
  [["policy", "check", "rngd", "RNG"], "capability", "no capability"],
  [["policy", "check", "rngd", "rng.entropy", "--target", LONG], "--target", "0 to 144 bytes"],
] as const;

test("runNx names the argument that no frame can carry, and its bound, in one short line", async () => {
  for (const [argv, name, bound] of REFUSED) {
    const world = nxWorld();
    const code = await runNx(argv, world.ports);
    const [line = "", ...more] = world.error().trimEnd().split("\n");
    equal(code, EXIT.usage, line);
    ok(line.includes(name) && line.includes(bound) && line.length < 250, line);
    equal(more.join(), "nx: see nx --help");
  }
});

test("runNx tells of an argument without its control characters", async () => {
  const world = nxWorld();
  equal(await runNx(["ping", "ab\ncd\u001b[2J"], world.ports), EXIT.usage);
  ok(world.error().startsWith("nx: command-argument value 'ab cd [2J' is invalid"), world.error());
});

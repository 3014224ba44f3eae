import { FileFailure, type Keyboard } from "@runtime/core/program_ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { type FakeKeyboard, keyboardOf, pipeOf } from "@tests/fakes/keyboard.ts";
import { fakeNode, type NxWorld, nxWorld, settled } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import { passphraseUse } from "../statefsd/client/passphrase_use.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";
import { NEW_PROMPT, PROMPT, sourceOf, withPassphrases } from "./passphrase.ts";

const DIR = "/s";
const GOOD = "a passphrase";
const INIT = ["init", "--state", DIR, "--size", "64KiB"] as const;
const TWICE = [PROMPT, "passphrase: (again) "];

/** Runs one command line in front of somebody. */
async function nx(world: NxWorld, keyboard: Keyboard, ...argv: readonly string[]) {
  const before = { out: world.out().length, error: world.error().length };
  const code = await runNx(argv, { ...world.ports, keyboard });
  return { code, out: world.out().slice(before.out), error: world.error().slice(before.error) };
}

/** A world with a directory under the passphrase, which was typed. */
async function under(): Promise<NxWorld> {
  const world = nxWorld();
  world.files.writeText(`${DIR}/state.json`, "", 0o600);
  const keyboard = keyboardOf(GOOD, GOOD);
  equal((await nx(world, keyboard, ...INIT, "--passphrase")).code, EXIT.ok);
  deepEqual([keyboard.prompts, keyboard.wiped()], [TWICE, true]);
  mirrorFacts(world);
  return world;
}

/** The files and the state directories of a test are two worlds, where a host has one. */
function mirrorFacts(world: NxWorld): void {
  const facts = world.state.folders.get(DIR)?.get("state.json");
  ok(facts !== undefined);
  world.state.put(`${DIR}/state.json`, facts.bytes);
}

test("nx init --passphrase asks twice, and makes nothing unless both are the same passphrase", async () => {
  const wrong = [
    [[GOOD, "another one"], "the two passphrases differ", 2],
    [["short"], "a passphrase has 8 to 1024 bytes", 1],
    [["too_long"], "a passphrase has 8 to 1024 bytes", 1],
    [["interrupted"], "no passphrase was given", 1],
    [["ended"], "no passphrase was given", 1],
    [[GOOD, "interrupted"], "no passphrase was given", 2],
  ] as const;
  for (const [answers, text, asked] of wrong) {
    const world = nxWorld();
    const keyboard = keyboardOf(...answers);
    const { code, out, error } = await nx(world, keyboard, ...INIT, "--passphrase");
    deepEqual([code, out, world.state.look(DIR)], [EXIT.failed, "", undefined]);
    ok(error.includes(text), error);
    deepEqual([keyboard.prompts.length, keyboard.wiped()], [asked, true], text);
  }
});

test("a directory under a passphrase is asked about, once, by every command that opens it", async () => {
  const world = await under();
  for (
    const [argv, code] of [
      [["fsck", "--state", DIR], 0],
      [["id", "--state", DIR], EXIT.notFound],
      [["quota", "--state", DIR, "--passphrase"], EXIT.ok],
    ] as const
  ) {
    const keyboard = keyboardOf(GOOD);
    const end = await nx(world, keyboard, ...argv);
    equal(end.code, code, end.error);
    deepEqual([keyboard.prompts, keyboard.wiped()], [[PROMPT], true]);
  }
  const other = await nx(world, keyboardOf("another passphrase"), "id", "--state", DIR);
  ok(other.error.includes("is under another key or passphrase"), other.error);
});

test("nobody is asked where standard input is no terminal, or nothing is under a passphrase", async () => {
  const world = await under();
  const nobody = { ...keyboardOf(GOOD), interactive: false };
  const fsck = await nx(world, nobody, "fsck", "--state", DIR);
  ok(fsck.out.includes("give the passphrase with --passphrase-file or --passphrase"), fsck.out);
  const id = await nx(world, nobody, "log", "verify", "--state", DIR);
  ok(id.error.includes("is under a passphrase: give it with --passphrase-file"), id.error);
  deepEqual(nobody.prompts, []);
  for (const argv of [["id", "--state", DIR], INIT, ["fsck", "--state", DIR]]) {
    const { code, error } = await nx(world, nobody, ...argv, "--passphrase");
    equal(code, EXIT.usage);
    ok(error.includes("standard input is none: give --passphrase-file FILE"), error);
  }
  const free = nxWorld();
  const keyboard = keyboardOf();
  equal((await nx(free, keyboard, ...INIT)).code, EXIT.ok);
  mirrorFacts(free);
  equal((await nx(free, keyboard, "fsck", "--state", DIR)).code, 0);
  deepEqual(keyboard.prompts, []);
});

test("nx state rekey asks for the old passphrase once, and for the new one twice", async () => {
  const world = await under();
  const rekey = ["state", "rekey", "--state", DIR];
  const unsaid = keyboardOf();
  const { code, error } = await nx(world, unsaid, ...rekey);
  deepEqual([code, unsaid.prompts], [EXIT.usage, []]);
  ok(error.includes("say what the new key is"), error);
  const keyboard = keyboardOf(GOOD, "a new passphrase", "a new passphrase");
  equal((await nx(world, keyboard, ...rekey, "--new-passphrase")).code, EXIT.ok);
  const asked = [PROMPT, NEW_PROMPT, "new passphrase: (again) "];
  deepEqual([keyboard.prompts, keyboard.wiped()], [asked, true]);
  mirrorFacts(world);
  equal((await nx(world, keyboardOf("a new passphrase"), "fsck", "--state", DIR)).code, 0);
  const nobody = { ...keyboardOf(), interactive: false };
  const refused = await nx(world, nobody, ...rekey, "--new-passphrase", "--passphrase-file", "/p");
  deepEqual([refused.code, refused.error.includes("give --new-passphrase-file FILE")], [2, true]);
});

test("a passphrase is given in one way", async () => {
  const world = nxWorld();
  const keyboard = keyboardOf(GOOD);
  for (
    const argv of [
      [...INIT, "--passphrase", "--passphrase-file", "/p"],
      ["state", "rekey", "--state", DIR, "--new-passphrase", "--new-key-file"],
      ["state", "rekey", "--state", DIR, "--new-passphrase", "--new-passphrase-file", "/p"],
      ["fsck", "/x.img", "--passphrase"],
      ["up", "--passphrase"],
    ]
  ) equal((await nx(world, keyboard, ...argv)).code, EXIT.usage, argv.join(" "));
  deepEqual(keyboard.prompts, []);
});

/** Boots a node on a directory under the passphrase, and ends it. */
async function bootedWith(keyboard: FakeKeyboard, ...argv: readonly string[]): Promise<number> {
  const world = await under();
  const node = fakeNode({ host: "127.0.0.1", port: 7401 });
  const ports = { ...world.ports, keyboard, startNode: () => Promise.resolve(node) };
  const up = runNx(["up", "--no-supervise", "--state", DIR, ...argv], ports);
  await settled();
  world.signal("SIGINT");
  return await up;
}

test("nx up asks for the passphrase of its directory, or is told by its supervisor", async () => {
  const asked = keyboardOf(GOOD);
  equal(await bootedWith(asked), EXIT.ok);
  deepEqual([asked.prompts, asked.wiped()], [[PROMPT], true]);
  const told = pipeOf(GOOD);
  equal(await bootedWith(told, "--passphrase", "--passphrase-input"), EXIT.ok);
  deepEqual([told.prompts, told.wiped()], [[], true]);
  equal(await bootedWith(pipeOf("ended"), "--passphrase-input"), EXIT.failed);
});

test("passphraseUse says what a passphrase would do, and leaves what cannot be read to the opening", async () => {
  const world = await under();
  const { host } = world.ports.state;
  equal(passphraseUse(host, DIR), "opens");
  equal(passphraseUse(host, "/new"), "sets");
  world.state.put(`${DIR}/state.json`, "{");
  equal(passphraseUse(host, DIR), "none");
  const closed = {
    look: () => {
      throw new FileFailure("not_private", DIR);
    },
    readPrivate: host.readPrivate,
  };
  equal(passphraseUse(closed, DIR), "none");
});

test("withPassphrases forgets what was typed, also when the work fails", async () => {
  const world = nxWorld();
  const keyboard = keyboardOf(GOOD, GOOD);
  const shell = {
    ports: { ...world.ports, keyboard },
    output: { line() {}, json() {}, complain() {} },
    argv: [],
    finish() {},
  };
  const source = sourceOf(shell, { passphrase: true }, DIR);
  deepEqual(source, { kind: "asked", prompt: PROMPT, twice: true });
  await withPassphrases(shell, [source], ([secret]) => {
    equal(secret?.wiped, false);
    return Promise.reject(new TypeError("no"));
  }).catch((error) => ok(error instanceof TypeError));
  ok(keyboard.wiped());
});

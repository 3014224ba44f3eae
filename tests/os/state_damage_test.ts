/**
 * What is said of a state directory that somebody damaged: each damage is done to a copy of one that a
 * node has made and used, and judged by `nx fsck` and by the next start of the node.
 *
 * The table in `docs/state_format.md`, "Damage that was tried", is this test's; it compares them.
 *
 * @module
 */

import { hostEntropy } from "@hw/host/entropy.ts";
import { hostStateFolders } from "@hw/host/state_folder.ts";
import { toHex } from "@runtime/core/hex.ts";
import { WITNESS_NAME } from "@services/statefsd/client/state_witness.ts";
import { withStoredNode } from "@services/statefsd/client/stored_node.ts";
import { deepEqual, equal } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { textOf } from "../source_tree.ts";
import { inWorld, type NxEnd, type NxWorld } from "./nx_process.ts";
import { BOOTS, FACTS, IMAGE, KEY, type Row, ROWS } from "./state_damages.ts";

const SIZE = "256KiB";
const UP = ["--isolation", "inline", "--until", "init: ready", "--timeout", "20s"] as const;
const PAGE = "docs/state_format.md";
/** Where a message goes on with what to do. */
const ADVICE = /: (?=put |use |take |repeat |the )/;

/** Copies a state directory, modes and all. */
function copied(from: string, to: string): string {
  Deno.mkdirSync(to, { mode: 0o700 });
  for (const name of [IMAGE, KEY, FACTS, WITNESS_NAME]) {
    Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
  }
  return to;
}

/** Makes a state directory. */
async function made(world: NxWorld, name: string): Promise<string> {
  const at = `${world.folder}/${name}`;
  equal((await world.run("init", "--state", at, "--size", SIZE)).code, 0);
  return at;
}

/** Boots a node on it, and tells its image as it was before. */
async function booted(world: NxWorld, at: string): Promise<Uint8Array> {
  const before = await Deno.readFile(`${at}/${IMAGE}`);
  equal((await world.run("up", "--state", at, ...UP)).code, 0);
  return before;
}

/** The device that a directory is, by what its node left there. */
async function deviceOf(at: string): Promise<string> {
  const entropy = hostEntropy();
  const ports = { host: hostStateFolders(), entropy, admitKeys: () => Promise.resolve() };
  return await withStoredNode(ports, at, {
    passphrase: undefined,
    unixMs: () => 0,
    work({ identity }) {
      return Promise.resolve(identity === undefined ? "none" : toHex(identity.verifyingKey));
    },
  });
}

/** The line on standard error, with no path of this run, and without what it says is to be done. */
function said({ code, errors }: NxEnd, at: string): string {
  const line = errors.find((each) => each.startsWith("nx: ")) ?? "";
  const [what = ""] = line.slice("nx: ".length).split(ADVICE);
  return `${code} ${what.replaceAll(at, "DIR")}`;
}

async function fsckOf(world: NxWorld, at: string): Promise<string> {
  const end = await world.run("fsck", "--state", at);
  const [found] = end.events;
  if (found === undefined) return said(end, at);
  const { verdict, repair, integrity, rollback } = found as {
    readonly verdict: string;
    readonly repair: readonly unknown[];
    readonly integrity: number;
    readonly rollback: number;
  };
  const parts = [
    `${end.code} ${verdict}`,
    ...repair.length === 0 ? [] : [`${repair.length} to mend`],
    ...integrity === 0 || verdict.includes("another image") ? [] : [`${integrity} forged`],
    ...rollback === 0 ? [] : [`${rollback} older`],
  ];
  return parts.join(", ");
}

async function upOf(world: NxWorld, at: string, device: string): Promise<string> {
  const end = await world.run("up", "--state", at, ...UP);
  if (end.code !== 0) return said(end, at);
  const now = await deviceOf(at);
  return now === device ? BOOTS : `0, boots as ${now === "none" ? "no" : "another"} device`;
}

/** The table of the page, without what the formatter pads. */
function pageRows(): readonly string[] {
  const [, section = ""] = textOf(PAGE).split("\n## Damage that was tried\n");
  return section.split("\n## ")[0]?.split("\n").filter((line) => line.startsWith("| "))
    .slice(2).map((line) => line.replace(/ +/g, " ")) ?? [];
}

function rowOf({ what, fsck, up }: Pick<Row, "what" | "fsck" | "up">): string {
  return `| ${what} | ${fsck} | ${up} |`;
}

test("each damage to a state directory is named, or does no harm that is not said here", async () => {
  await inWorld(async (world) => {
    const [whole, other] = [await made(world, "whole"), await made(world, "other")];
    await booted(world, other);
    const [first, earlier] = [await booted(world, whole), await booted(world, whole)];
    await booted(world, whole);
    const device = await deviceOf(whole);
    const found: string[] = [];
    for (const [index, { what, damage }] of ROWS.entries()) {
      const at = copied(whole, `${world.folder}/${index}`);
      damage({ at, first, earlier, other });
      const fsck = await fsckOf(world, at);
      found.push(rowOf({ what, fsck, up: await upOf(world, at, device) }));
    }
    deepEqual(found, ROWS.map(rowOf));
    deepEqual(pageRows(), found);
  });
});

/**
 * nexus-keys as a package: an ordinary program, under Node and under Deno, beside a real node.
 *
 * @module
 */

import ts from "typescript";
import { pack } from "../../scripts/pack.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { inWorld, type NxNode, type NxWorld } from "../os/nx_process.ts";

const PROGRAM = new URL("./keys_program.mjs", import.meta.url);
const GARBLED = new URL("./garbled_program.mjs", import.meta.url);
const WANTED = [
  "created APP/letters version 1",
  "-----BEGIN PUBLIC KEY-----",
  "signed, by version 1",
  "changed: undefined",
  "rotated to 2, verifies 1",
  "unsealed dear all",
  "40 signatures at a time",
  "refused: EKEYREVOKED sign",
];

/** A strict consumer of the declarations; each line that must not compile says so. */
const CONSUMER = `
import { connectKeys, KeyError, type KeyInfo, type KeysConnection, NodeUnreachable } from "nexus-keys";
export async function use(socket: string): Promise<KeyInfo> {
  const connection: KeysConnection = await connectKeys({ socket });
  const { signature, version } = await connection.keys.sign({ app: "a", key: "b" }, new Uint8Array(1));
  const bytes: Uint8Array = signature;
  const number: number = version;
  // @ts-expect-error a key has a purpose
  await connection.keys.create({ app: "a", algorithm: "ed25519" });
  // @ts-expect-error there is no such algorithm
  await connection.keys.create({ app: "a", purpose: "b", algorithm: "rsa" });
  for await (const key of connection.keys.list("a")) if (key.state === "active") return use(key.app);
  const error: unknown = number > bytes.length;
  if (error instanceof KeyError && error.code === "EPERM") throw new NodeUnreachable("x", socket);
  // @ts-expect-error there is no such code
  if (error instanceof KeyError && error.code === "ENOPE") throw error;
  return connection.keys.get({ app: "a", key: "b" });
}
`;

function nodeInstalled(): boolean {
  try {
    return new Deno.Command("node", { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function output(program: string, args: readonly string[]): Promise<string> {
  const { stdout } = await new Deno.Command(program, { args: [...args] }).output();
  return new TextDecoder().decode(stdout);
}

/** Copies a folder: where a link led into a cache, Deno would take it for one of its own packages. */
async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyFolder(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Packs into a folder in which a program finds the package, and it what it stands on. */
async function installed(folder: string): Promise<void> {
  const modules = `${folder}/node_modules`;
  await pack(`${modules}/nexus-keys`);
  const facts = JSON.parse(await Deno.readTextFile(`${modules}/nexus-keys/package.json`));
  const { npmCache } = JSON.parse(await output(Deno.execPath(), ["info", "--json"]));
  for (const [name, version] of Object.entries(facts.dependencies)) {
    await copyFolder(`${npmCache}/registry.npmjs.org/${name}/${version}`, `${modules}/${name}`);
  }
  await Deno.copyFile(PROGRAM, `${folder}/program.mjs`);
  await Deno.writeTextFile(`${folder}/package.json`, '{ "type": "module" }');
}

async function socketOf(world: NxWorld, node: NxNode): Promise<string> {
  const { events } = await world.run("nodes");
  const found = events.find(({ name }) => name === String(node.port));
  ok(typeof found?.["socket"] === "string", JSON.stringify(events));
  return found["socket"];
}

/** Runs the program beside a node, and compares what it prints. */
async function runBeside(program: string, args: readonly string[]): Promise<void> {
  await inWorld(async (world) => {
    await installed(world.folder);
    const node = await world.up("--listen", "127.0.0.1:0");
    const socket = await socketOf(world, node);
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: [...args, `${world.folder}/program.mjs`, socket, "shop"],
      cwd: world.folder,
      env: { DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    const text = new TextDecoder();
    equal(code, 0, text.decode(stderr));
    deepEqual(
      text.decode(stdout).trim().split("\n"),
      WANTED.map((line) => line.replace("APP", "shop")),
    );
    const listed = await node.ask("key", "list", "shop");
    deepEqual(listed.events.map(({ purpose, state, creator }) => [purpose, state, creator]), [
      ["drafts", "active", undefined],
      ["letters", "revoked", undefined],
    ]);
  });
}

test("a Node program uses the keys of a node by the package", async () => {
  await runBeside("node", []);
}, { ignore: !nodeInstalled() });

test("a Node program hears of a reply that makes no sense, and ends", async () => {
  const folder = await Deno.makeTempDir({ prefix: "nx-garbled-" });
  try {
    await installed(folder);
    await Deno.copyFile(GARBLED, `${folder}/program.mjs`);
    const command = { args: [`${folder}/program.mjs`, `${folder}/sock`], cwd: folder };
    const { code, stdout, stderr } = await new Deno.Command("node", command).output();
    const text = new TextDecoder();
    deepEqual([code, text.decode(stdout)], [0, "unavailable: gone\n"], text.decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}, { ignore: !nodeInstalled() });

test("the same program runs under Deno", async () => {
  const flags = ["--quiet", "--no-config", "--no-lock", "--node-modules-dir=manual"];
  await runBeside(Deno.execPath(), ["run", "--allow-all", ...flags]);
});

test("a strict program compiles against the package's declarations", async () => {
  const folder = await Deno.makeTempDir({ prefix: "nx-pack-" });
  try {
    await installed(folder);
    await Deno.writeTextFile(`${folder}/consumer.ts`, CONSUMER);
    const program = ts.createProgram([`${folder}/consumer.ts`], {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      lib: ["lib.es2024.d.ts", "lib.esnext.d.ts", "lib.dom.d.ts"],
      types: [],
      ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true },
    });
    const problems = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) =>
      `${file?.fileName.slice(folder.length)}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`
    );
    deepEqual(problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

test("every name that the package exports says what it is", async () => {
  const entry = new URL("../../hw/host/keys_client.ts", import.meta.url).pathname;
  const args = ["doc", "--lint", entry];
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  deepEqual({ code, told: code === 0 ? "" : new TextDecoder().decode(stderr).slice(-2_000) }, {
    code: 0,
    told: "",
  });
});

/**
 * What the documentation says is true: links, names of files, tests and tasks, the import table, and
 * every command that is marked to be run.
 *
 * A fenced block ```` ```sh test ```` is run line by line and must end with 0. A fenced block with a
 * path behind its language is a file of a worked example.
 *
 * @module
 */

import { CALL_TIMEOUT_MS } from "@runtime/idl/channel.ts";
import { LADDER_MARKERS } from "@runtime/boot/phases/manifest.gen.ts";
import { markerPattern } from "@runtime/idl/marker.ts";
import { CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS } from "@services/dsoftbusd/admission.ts";
import { BACKOFF_MAX_MS } from "@services/dsoftbusd/backoff.ts";
import { HANDSHAKE_TIMEOUT_MS } from "@services/dsoftbusd/bus.ts";
import { IDLE_TIMEOUT_MS, KEEPALIVE_MS } from "@services/dsoftbusd/session.ts";
import { STREAM_INLINE_MAX, STREAM_LENGTH_MAX } from "@services/netstackd/protocol.ts";
import { ENTROPY_LENGTH_MAX } from "@services/rngd/protocol.ts";
import {
  RESTART_BACKOFF_MIN_MS,
  RESTART_WINDOW_MS,
  RESTARTS_MAX,
} from "@services/nx/restart_budget.ts";
import { STOP_LIMIT_MS } from "@services/nx/supervise.ts";
import { LAYERS, PACKAGES } from "../scripts/lint/table.ts";
import { deepEqual, equal, ok } from "./fakes/assert.ts";
import { test } from "./fakes/test.ts";
import { inspectorPort } from "./os/inspector_port.ts";
import { filesBelow, present, ROOT, textOf } from "./source_tree.ts";

/** A fenced block of a page. */
interface Block {
  readonly page: string;
  /** Language and what stands behind it. */
  readonly info: string;
  readonly text: string;
}

/** Pages that people write; the reference is generated, and judged by its generator's tests. */
const PAGES: readonly string[] = [
  "README.md",
  ...filesBelow("docs").filter((path) => path.endsWith(".md") && !isGenerated(path)),
  ...filesBelow("services").filter((path) => path.endsWith("/README.md")),
];
const GUIDE = "docs/guide/add_a_daemon.md";
const FENCE = /^(`{3,})([^\n`]*)\n(.*?)^\1$/gms;

function isGenerated(path: string): boolean {
  return path.startsWith("docs/reference/") || path.startsWith("docs/reports/");
}

function blocksOf(page: string): Block[] {
  return [...textOf(page).matchAll(FENCE)].map(([, , info = "", text = ""]) => ({
    page,
    info: info.trim(),
    text,
  }));
}

function proseOf(page: string): string {
  return textOf(page).replace(FENCE, "");
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

/** A path from a page, as one from the root; `undefined` when it leaves the repository. */
function resolved(from: string, relative: string): string | undefined {
  const parts = folderOf(from).split("/").filter((part) => part !== "");
  for (const step of relative.split("/")) {
    if (step === "..") {
      if (parts.pop() === undefined) return undefined;
    } else if (step !== "." && step !== "") parts.push(step);
  }
  return parts.join("/");
}

/** The name that a heading is linked under. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\w\s-]/g, "").trim().replace(/\s/g, "-");
}

function anchorsOf(page: string): Set<string> {
  return new Set([...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) => anchorOf(text)));
}

function linkProblem(page: string, target: string): string | undefined {
  if (/^https?:/.test(target)) return undefined;
  const [path = "", anchor] = target.split("#");
  const linked = path === "" ? page : resolved(page, path);
  if (linked === undefined || !present(linked)) return `${page}: ${target} is not there`;
  if (anchor === undefined || anchorsOf(linked).has(anchor)) return undefined;
  return `${page}: ${linked} has no heading #${anchor}`;
}

test("docs: every relative link leads somewhere", () => {
  const problems = PAGES.flatMap((page) =>
    [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) =>
      linkProblem(page, target) ?? []
    )
  );
  deepEqual(problems, []);
});

test("docs: every page has one title, and it stands first", () => {
  for (const page of PAGES) {
    const titles = proseOf(page).match(/^# .+$/gm) ?? [];
    deepEqual({ page, titles: titles.length }, { page, titles: 1 });
    ok(textOf(page).startsWith("# "), page);
  }
});

/** Names that exist once somebody has followed the guide, or that the import table keeps free. */
function promised(path: string): boolean {
  if (LAYERS.some(({ at }) => at === path)) return true;
  return path.startsWith("services/clockd") ||
    blocksOf(GUIDE).some(({ info }) => info.endsWith(path));
}

test("docs: every file that is named exists", () => {
  const name = /`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|md|json|toml|capnp|as|wasm))`/g;
  const problems = PAGES.flatMap((page) =>
    [...proseOf(page).matchAll(name)]
      .map(([, path = ""]) => path)
      .filter((path) => !present(path) && !present(`${folderOf(page)}/${path}`) && !promised(path))
      .map((path) => `${page}: ${path}`)
  );
  deepEqual(problems, []);
});

/** Test files with the names that a page says they hold: `` `a_test.ts`: "one", "two" ``. */
function namedTests(page: string): { readonly file: string; readonly names: readonly string[] }[] {
  const prose = proseOf(page).replace(/\s+/g, " ");
  const named = /`([\w./-]+_test\.ts)`: ("[^"]+"(?:, "[^"]+")*)/g;
  return [...prose.matchAll(named)].map(([, file = "", list = ""]) => ({
    file,
    names: [...list.matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name),
  }));
}

test("docs: every test that is named exists, under a name that begins so", () => {
  const problems = PAGES.flatMap((page) =>
    namedTests(page).flatMap(({ file, names }) => {
      if (!present(file)) return [`${page}: ${file}`];
      const source = textOf(file);
      return names
        .filter((name) => !source.includes(`"${name}`) && !source.includes(`\`${name}`))
        .map((name) => `${page}: ${file} has no test "${name}"`);
    })
  );
  deepEqual(problems, []);
  ok(namedTests("docs/security.md").length > 10, "the security page names its tests");
});

test("docs: every task that is named exists", () => {
  const { tasks } = JSON.parse(textOf("deno.json")) as {
    readonly tasks: Readonly<Record<string, string>>;
  };
  const problems = PAGES.flatMap((page) =>
    [...textOf(page).matchAll(/\bdeno(?:@[\d.]+)? task (?:-q )?([a-z][\w-]*)/g)]
      .map(([, task = ""]) => task)
      .filter((task) => !Object.hasOwn(tasks, task))
      .map((task) => `${page}: deno task ${task}`)
  );
  deepEqual(problems, []);
});

test("docs: the import table is the lint rule's", () => {
  const rows = [...textOf("docs/architecture.md").matchAll(/^\| (`.+?) +\| (.+?) *\| (.*?) *\|$/gm)]
    .map(([, from = "", may = "", packages = ""]) => ({ from: names(from), may, packages }));
  const rowOf = (folder: string) => rows.find(({ from }) => from.includes(folder));
  for (const { at, may, ofDaemons = [] } of LAYERS) {
    const wanted = [...may, ...ofDaemons.map((file) => `services/*/${file}`)];
    deepEqual({ at, may: names(rowOf(at)?.may ?? "").sort() }, { at, may: wanted.sort() });
  }
  for (const [name, home] of Object.entries(PACKAGES)) {
    ok(names(rowOf(home)?.packages ?? "").includes(name), `${home} is the importer of ${name}`);
  }
});

/** Texts between backticks. */
function names(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
}

test("docs: every decision stands in the index", () => {
  const index = textOf("docs/adr/README.md");
  const records = filesBelow("docs/adr").filter((path) => /\/\d{4}-/.test(path));
  deepEqual(records.filter((path) => !index.includes(path.slice("docs/adr/".length))), []);
});

test("docs: every console line that is shown is a declared marker", () => {
  const patterns = LADDER_MARKERS.map(({ line }) => markerPattern(line));
  const undeclared = PAGES.flatMap(blocksOf)
    .flatMap(({ text }) => [...text.matchAll(/^[12]\| (.+)$/gm)].map(([, line = ""]) => line))
    .filter((line) => !patterns.some((pattern) => pattern.test(line)));
  deepEqual(undeclared, []);
});

test("docs: every marker that is named is declared, placeholders and all", () => {
  const declared = new Set(LADDER_MARKERS.map(({ line }) => line));
  const named = /`((?:SELFTEST|init|net|[a-z]+d): [^`]+)`/g;
  const undeclared = PAGES.flatMap((page) =>
    [...proseOf(page).replace(/\s+/g, " ").matchAll(named)]
      .filter(([, line = ""]) => !declared.has(line))
      .map(([, line]) => `${page}: ${line}`)
  );
  deepEqual(undeclared, []);
});

test("docs: every ladder that is shown has as many rungs as the manifest", () => {
  // The one that is shown is the demo's, whose nodes keep no state.
  const required =
    LADDER_MARKERS.filter(({ role, needs }) => role === "required" && needs === undefined).length;
  const other = PAGES.flatMap((page) =>
    [...textOf(page).matchAll(/ladder (\d+)\/(\d+)/g)]
      .filter(([, seen, all]) => seen !== `${required}` || all !== `${required}`)
      .map(([text]) => `${page}: ${text}, not ${required}`)
  );
  deepEqual(other, []);
});

const SECOND = 1000;

/** Sentences that hold a bound, made from the code's own number. */
const SENTENCES: readonly (readonly [page: string, sentence: string])[] = [
  [
    "docs/architecture.md",
    `within ${HANDSHAKE_TIMEOUT_MS / SECOND} s of the connection, at most ` +
    `${CONNECTIONS_PER_ADDRESS} connections of one address and ${CONNECTIONS_MAX} in all`,
  ],
  [
    "docs/architecture.md",
    `pinged after ${KEEPALIVE_MS / SECOND} s and ended after ${IDLE_TIMEOUT_MS / SECOND} s`,
  ],
  ["docs/architecture.md", `growing waits of up to ${BACKOFF_MAX_MS / SECOND} s`],
  ["docs/architecture.md", `up to ${STREAM_INLINE_MAX.toLocaleString("en")} bytes in the frame`],
  ["docs/architecture.md", `(${CALL_TIMEOUT_MS / SECOND} s by default)`],
  [
    "docs/architecture.md",
    `after ${RESTART_BACKOFF_MIN_MS} ms and then twice as long each time, at most ` +
    `${RESTARTS_MAX} times in ${RESTART_WINDOW_MS / SECOND / 60} minutes`,
  ],
  ["docs/architecture.md", `does not end within ${STOP_LIMIT_MS / SECOND} s is killed`],
  ["docs/interop.md", `${CONNECTIONS_PER_ADDRESS} for one address, ${CONNECTIONS_MAX} in all`],
  ["docs/interop.md", `moves up to ${STREAM_LENGTH_MAX >> 20} MiB`],
  ["docs/security.md", `At most ${ENTROPY_LENGTH_MAX} bytes a request`],
  ["README.md", `growing waits of up to ${BACKOFF_MAX_MS / SECOND} s`],
];

test("docs: bounds that are told are the code's", () => {
  const untold = SENTENCES.filter(([page, sentence]) =>
    !textOf(page).replace(/\s+/g, " ").includes(sentence)
  );
  deepEqual(untold, []);
});

/** Runs this Deno in the repository, or in `cwd`. */
async function deno(args: readonly string[], cwd = ROOT) {
  using _port = await inspectorPort("shared");
  const folder = await Deno.makeTempDir({ prefix: "nx-docs-" });
  try {
    const command = new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd,
      env: { NO_COLOR: "1", XDG_RUNTIME_DIR: folder, DENO_NO_UPDATE_CHECK: "1" },
      stdin: "null",
    });
    const { code, stdout, stderr } = await command.output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), error: text.decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The words of a command line, double quotes as a shell takes them. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

/** The arguments for Deno of a command; `npx -y deno@VERSION` is whichever Deno runs this. */
function denoArguments(line: string): string[] {
  const [first, ...rest] = wordsOf(line.replace(/^npx -y deno@[\d.]+/, "deno"));
  equal(first, "deno", `a command that is run begins with deno: ${line}`);
  return rest;
}

const RUN = PAGES.flatMap(blocksOf)
  .filter(({ info }) => info === "sh test")
  .flatMap(({ page, text }) => text.trim().split("\n").map((line) => ({ page, line })));

for (const { page, line } of RUN) {
  test(`docs: ${page} says \`${line}\`, and it works`, async () => {
    const { code, out, error } = await deno(denoArguments(line));
    deepEqual({ code, tail: code === 0 ? "" : (out + error).slice(-800) }, { code: 0, tail: "" });
  });
}

test("docs: every command of nx that is named exists", async () => {
  const { code, out } = await deno(["task", "nx", "--help"]);
  equal(code, 0);
  const commands = new Set([...out.matchAll(/^ {2}([a-z][a-z-]*)[ \n]/gm)].map(([, name]) => name));
  const problems = PAGES.flatMap((page) =>
    [...textOf(page).matchAll(/(?:`|task |^)nx ([a-z][a-z-]*)/gm)]
      .map(([, name = ""]) => name)
      .filter((name) => !commands.has(name))
      .map((name) => `${page}: nx ${name}`)
  );
  ok(commands.has("up"));
  deepEqual(problems, []);
});

/** Writes the guide's daemon into a folder that stands for the repository. */
async function writeExample(folder: string): Promise<void> {
  for (const { info, text } of blocksOf(GUIDE)) {
    const [, path] = info.split(" ");
    if (path === undefined || !path.includes("/")) continue;
    await Deno.mkdir(`${folder}/${folderOf(path)}`, { recursive: true });
    await Deno.writeTextFile(`${folder}/${path}`, text);
  }
  for (const copied of ["tests/fakes", "services/logd"]) {
    await Deno.mkdir(`${folder}/${copied}`, { recursive: true });
    for (const path of filesBelow(copied)) {
      await Deno.mkdir(`${folder}/${folderOf(path)}`, { recursive: true });
      await Deno.copyFile(`${ROOT}/${path}`, `${folder}/${path}`);
    }
  }
  const { imports, scopes, compilerOptions, unstable } = JSON.parse(textOf("deno.json")) as Record<
    "imports" | "scopes" | "compilerOptions" | "unstable",
    Record<string, string>
  >;
  const here = new Set(["@tests/", "@services/"]);
  const mapped = Object.entries(imports).map(([alias, target]) => [
    alias,
    target.startsWith("./") && !here.has(alias) ? `file://${ROOT}/${target.slice(2)}` : target,
  ]);
  // The copied folders are at home in both places: here, and where what they import lies.
  const there = Object.entries(scopes).map(([at, open]) => [`file://${ROOT}/${at.slice(2)}`, open]);
  const config = {
    imports: Object.fromEntries(mapped),
    scopes: { ...scopes, ...Object.fromEntries(there) },
    compilerOptions,
    unstable,
  };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
}

test("docs: the guide's daemon compiles and passes its tests", async () => {
  const folder = await Deno.makeTempDir({ prefix: "nx-guide-" });
  try {
    await writeExample(folder);
    const checked = await deno(["check", "--no-lock", "services/clockd"], folder);
    deepEqual({ code: checked.code, error: checked.code === 0 ? "" : checked.error }, {
      code: 0,
      error: "",
    });
    const args = ["test", "-A", "--no-lock", "--no-check", "services/clockd"];
    const { code, out } = await deno(args, folder);
    deepEqual({ code, out: code === 0 ? "" : out }, { code: 0, out: "" });
    ok(/ok \| 5 passed/.test(out), out);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

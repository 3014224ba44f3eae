/**
 * Sessions in the documentation work: the fenced blocks ```` ```sh session ```` of a page are run one
 * after the other by a shell, beside a node, with `nx` as a command.
 *
 * @module
 */

import { equal, ok } from "./fakes/assert.ts";
import { test } from "./fakes/test.ts";
import { inWorld } from "./os/nx_process.ts";
import { filesBelow, ROOT, textOf } from "./source_tree.ts";

const SESSION = /^```sh session\n(.*?)^```$/gms;
/** Programs of the host that a session may need. */
const TOOLS = ["openssl", "ssh-keygen", "sh"] as const;
const TAIL_LENGTH = 800;

const SESSIONS = filesBelow("docs").filter((path) => path.endsWith(".md")).flatMap((page) => {
  const blocks = [...textOf(page).matchAll(SESSION)].map(([, text = ""]) => text);
  return blocks.length === 0 ? [] : [{ page, blocks }];
});

function installed(program: string): boolean {
  try {
    new Deno.Command(program, { args: ["-?"], stdin: "null", stdout: "null", stderr: "null" })
      .outputSync();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function missing(blocks: readonly string[]): boolean {
  const text = blocks.join("");
  return TOOLS.some((tool) => (tool === "sh" || text.includes(`${tool} `)) && !installed(tool));
}

/** A folder for `PATH` in which `nx` is this program. */
async function commands(folder: string): Promise<string> {
  await Deno.mkdir(folder);
  const program = `exec "${Deno.execPath()}" run --quiet --allow-all "${ROOT}/main.ts" "$@"`;
  await Deno.writeTextFile(`${folder}/nx`, `#!/bin/sh\n${program}\n`, { mode: 0o755 });
  return folder;
}

for (const { page, blocks } of SESSIONS) {
  test(`docs: the session of ${page} works, command by command`, async () => {
    await inWorld(async (world) => {
      await world.up("--listen", "127.0.0.1:0");
      const path = await commands(`${world.folder}/bin`);
      const cwd = `${world.folder}/work`;
      await Deno.mkdir(cwd);
      for (const block of blocks) {
        const { code, stdout, stderr } = await new Deno.Command("sh", {
          args: ["-eu", "-c", block],
          cwd,
          env: {
            XDG_RUNTIME_DIR: world.folder,
            PATH: `${path}:${Deno.env.get("PATH") ?? ""}`,
            DENO_NO_UPDATE_CHECK: "1",
            NO_COLOR: "1",
          },
          stdin: "null",
        }).output();
        const text = new TextDecoder();
        const tail = (text.decode(stdout) + text.decode(stderr)).slice(-TAIL_LENGTH);
        equal(code, 0, `${block}\n${tail}`);
        // What may be refused in a session is caught there; a bug is not.
        ok(!text.decode(stderr).includes("Uncaught"), tail);
      }
    });
  }, { ignore: missing(blocks) });
}

test("docs: there is a session to run", () => {
  ok(SESSIONS.some(({ page }) => page === "docs/identity/nx_key.md"));
});

/**
 * `deno task pack`: nexus-keys as a package for ordinary Node programs: JavaScript, declarations, and
 * a `package.json` that names what it stands on.
 *
 * The files keep their folders; specifiers of the import map become relative paths. TypeScript does
 * the work, and no bundler: whoever debugs a program finds the sources' own structure.
 *
 * @module
 */

import { NX_VERSION } from "@services/nx/version.ts";
import { parseArgs } from "node:util";
import { type Emitted, emitted } from "./pack/emit.ts";
import { PACK_ENTRY } from "./pack/entry.ts";
import { ALIASES } from "./lint/table.ts";

const USAGE = `Writes nexus-keys as a package for Node into a folder.

deno task pack [--output DIR]

  --output DIR  dist/nexus-keys by default; what else lies there stays`;

const README = `# nexus-keys

Keys of applications that never leave an Open Nexus OS node, for a program on the node's host.

\`\`\`js
import { connectKeys } from "nexus-keys";

const { keys, close } = await connectKeys({ socket }); // nx nodes --json tells the socket
await keys.create({ app: "mail", purpose: "letters", algorithm: "ed25519" });
const { signature } = await keys.sign({ app: "mail", key: "letters" }, message);
close();
\`\`\`

A call that keystored refuses throws a \`KeyError\` with a code such as \`EKEYREVOKED\`; one that has no
answer throws \`KeysUnavailable\`. Every declaration says what it is.
`;
const ROOT = new URL("..", import.meta.url).pathname;
const NPM = /^npm:\/?((?:@[^/]+\/)?[^@]+)@([^/]+)$/;

/** Writes the package. @returns How many modules it has. */
export async function pack(output: string): Promise<number> {
  const { files, packages } = emitted({ root: ROOT, entry: PACK_ENTRY, aliases: ALIASES });
  for (const { path, text } of files) {
    await Deno.mkdir(`${output}/${folderOf(path)}`, { recursive: true });
    await Deno.writeTextFile(`${output}/${path}`, text);
  }
  const facts = packageFacts({ files, packages }, await pins());
  await Deno.writeTextFile(`${output}/README.md`, README);
  await Deno.writeTextFile(`${output}/package.json`, `${JSON.stringify(facts, null, 2)}\n`);
  return files.filter(({ path }) => path.endsWith(".js")).length;
}

function packageFacts({ packages }: Emitted, pinned: ReadonlyMap<string, string>) {
  const built = PACK_ENTRY.replace(/\.ts$/, "");
  const dependencies = packages.map((name) => {
    const version = pinned.get(name);
    if (version === undefined) throw new TypeError(`deno.json pins no version of ${name}`);
    return [name, version];
  });
  return {
    name: "nexus-keys",
    version: NX_VERSION,
    description: "Keys of applications that never leave an Open Nexus OS node",
    type: "module",
    exports: { ".": { types: `./${built}.d.ts`, default: `./${built}.js` } },
    sideEffects: false,
    engines: { node: ">=20" },
    dependencies: Object.fromEntries(dependencies),
  };
}

/** Exact versions of packages, as the import map has them. */
async function pins(): Promise<ReadonlyMap<string, string>> {
  const { imports }: { imports: Record<string, string> } = JSON.parse(
    await Deno.readTextFile(`${ROOT}/deno.json`),
  );
  return new Map(
    Object.values(imports).flatMap((target) => {
      const [, name, version] = NPM.exec(target.replace(/\/$/, "")) ?? [];
      return name === undefined || version === undefined ? [] : [[name, version] as const];
    }),
  );
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

async function main(args: string[]): Promise<number> {
  const options = { "output": { type: "string" }, "help": { type: "boolean" } } as const;
  const { values } = parseArgs({ args, options });
  if (values.help) {
    console.error(USAGE);
    return 0;
  }
  const output = values.output ?? "dist/nexus-keys";
  console.error(`pack: ${await pack(output)} modules in ${output}`);
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

/**
 * Writes the messages of the reference tool `capnp` into `tests/vectors/capnp/<schema>.json`, which
 * `tests/capnp/reference_tool_test.ts` reads; only who changes the messages needs the tool.
 *
 *     deno run -A scripts/vectors/capnp_messages.ts [--check]
 *
 * `--check` writes nothing and exits 1 naming each file whose messages the installed tool would not
 * write. No test and no gate runs it.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { CAPNP_SCHEMAS } from "@runtime/capnp/declarations.ts";
import type { CapnpField, CapnpSchema } from "@runtime/capnp/struct.ts";
import { toHex } from "@runtime/core/hex.ts";
import {
  structNamed,
  type ToolMessage,
  type ToolValues,
  type ToolVectors,
  toolVectors,
  toolVectorsUrl,
} from "@tests/capnp/tool_vectors.ts";
import { CAPNP_CASES } from "./capnp_cases.ts";

const TOOL = "capnp";
const ROOT = new URL("../../", import.meta.url);
/** Preferred segment sizes: the root pointer alone, a small struct, all but long values. */
const SEGMENT_WORDS = [1, 4, 64] as const;

/** Runs the tool in the repository; `undefined` where it is not installed. */
async function runTool(args: readonly string[], input = ""): Promise<Uint8Array | undefined> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(TOOL, {
      args: [...args],
      cwd: ROOT,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (success) return stdout;
  throw new Error(`${TOOL} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

async function toolVersion(): Promise<string | undefined> {
  const output = await runTool(["--version"]);
  return output && new TextDecoder().decode(output).trim();
}

function convertArgs(
  to: string,
  { fileName }: CapnpSchema,
  structName: string,
): readonly string[] {
  return ["convert", ...to.split(" "), `runtime/capnp/schema/${fileName}.capnp`, structName];
}

/** One struct of a schema, and a message of it in the tool's text form. */
export interface Asked {
  readonly schema: CapnpSchema;
  readonly struct: string;
  readonly name: string;
  readonly text: string;
}

async function converted(to: string, { schema, struct, text }: Asked): Promise<Uint8Array> {
  const output = await runTool(convertArgs(to, schema, struct), text);
  if (output === undefined) throw new Error(`${TOOL} is gone`);
  return output;
}

/** Hexadecimal, a space between words. */
function words(bytes: Uint8Array): string {
  return toHex(bytes).replace(/.{16}(?=.)/g, "$& ");
}

/** The tool's JSON, data as hexadecimal: as an array of numbers nobody could read it. */
function toolValues(json: string, { schema, struct }: Asked): ToolValues {
  const fields: Readonly<Record<string, CapnpField>> = structNamed(schema, struct).fields;
  const values: Record<string, ToolValues[string] | readonly number[]> = JSON.parse(json);
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      fields[name]?.kind === "data" ? toHex(Uint8Array.from(value as readonly number[])) : value,
    ]),
  ) as ToolValues;
}

async function toolMessage(asked: Asked): Promise<ToolMessage> {
  const hex = words(await converted("text:binary", asked));
  const segmented: { segmentWords: number; hex: string }[] = [];
  const seen = new Set([hex]);
  for (const segmentWords of SEGMENT_WORDS) {
    const parts = words(await converted(`--segment-size=${segmentWords} text:binary`, asked));
    if (!seen.has(parts)) segmented.push({ segmentWords, hex: parts });
    seen.add(parts);
  }
  const json = new TextDecoder().decode(await converted("--short text:json", asked));
  return {
    name: asked.name,
    struct: asked.struct,
    text: asked.text,
    values: toolValues(json, asked),
    hex,
    segmented,
    packed: toHex(await converted("text:packed", asked)),
  };
}

/** What is asked of the tool: for every declared struct the default, then the cases. */
export function askedOf(schema: CapnpSchema): Asked[] {
  const cases = CAPNP_CASES[schema.fileName] ?? {};
  for (const struct of Object.keys(cases)) structNamed(schema, struct);
  return schema.structs.flatMap(({ name: struct }) =>
    Object.entries({ default: "()", ...cases[struct] })
      .map(([name, text]) => ({ schema, struct, name: `${struct}: ${name}`, text }))
  );
}

async function vectorsOf(schema: CapnpSchema, version: string): Promise<ToolVectors> {
  const command = (to: string) => [TOOL, ...convertArgs(to, schema, "STRUCT")].join(" ");
  const messages: ToolMessage[] = [];
  for (const asked of askedOf(schema)) messages.push(await toolMessage(asked));
  return {
    source: {
      tool: TOOL,
      version,
      commands: {
        values: command("--short text:json"),
        hex: command("text:binary"),
        segmented: command("--segment-size=WORDS text:binary"),
        packed: command("text:packed"),
      },
    },
    license: "facts; encoded by this project with the reference tool",
    produced: "deno run -A scripts/vectors/capnp_messages.ts: each command reads `text` of " +
      "scripts/vectors/capnp_cases.ts from its standard input; data in `values` is hexadecimal " +
      "where the tool prints numbers",
    schema: schema.fileName,
    messages,
  };
}

/** Whether the committed messages are what the tool writes, whatever its version. */
function fresh(schema: CapnpSchema, { messages }: ToolVectors): boolean {
  return JSON.stringify(toolVectors(schema).messages) === JSON.stringify(messages);
}

async function main(args: string[]): Promise<number> {
  const { values: { check } } = parseArgs({
    args,
    options: { check: { type: "boolean", default: false } },
  });
  const version = await toolVersion();
  if (version === undefined) {
    console.error(`${TOOL} is not installed: nothing was ${check ? "compared" : "written"}`);
    return 1;
  }
  let stale = 0;
  for (const schema of CAPNP_SCHEMAS) {
    const vectors = await vectorsOf(schema, version);
    const file = `${schema.fileName}.json: ${vectors.messages.length} messages`;
    if (!check) {
      await Deno.writeTextFile(toolVectorsUrl(schema), `${JSON.stringify(vectors, null, 1)}\n`);
      console.log(`written: ${file}`);
    } else if (fresh(schema, vectors)) console.log(`equal: ${file} of ${version}`);
    else {
      console.error(`stale: ${file}; run deno run -A scripts/vectors/capnp_messages.ts`);
      stale += 1;
    }
  }
  return stale === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

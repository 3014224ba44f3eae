import { decodeStruct, encodeStruct } from "@runtime/capnp/codec.ts";
import { dsoftbusSchema } from "@runtime/capnp/declarations.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";

const SCHEMA = new URL("../../runtime/capnp/schema/dsoftbus.capnp", import.meta.url).pathname;
const VALUES = { deviceId: "34750f98bd59fcfc", services: ["samgrd", "\u00e4"], port: 37_020 };

async function capnp(args: readonly string[], input: Uint8Array): Promise<Uint8Array> {
  const child = new Deno.Command("capnp", {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(input.slice());
  await writer.close();
  const { code, stdout } = await child.output();
  equal(code, 0);
  return stdout;
}

async function toolPresent(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("capnp", { args: ["--version"] }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const ignore = !await toolPresent();

test("encodeStruct gives what the reference tool reads and writes again", async () => {
  const bytes = encodeStruct(dsoftbusSchema, "Announce", VALUES);
  const text = await capnp(["decode", SCHEMA, "Announce"], bytes);
  ok(new TextDecoder().decode(text).includes(VALUES.deviceId));
  deepEqual(await capnp(["encode", SCHEMA, "Announce"], text), bytes);
}, { ignore });

test(
  "decodeStruct reads the reference tool's segmented output and refuses its packed one",
  async () => {
    const text = new TextEncoder().encode('(chan = 7, bytes = "0123456789abcdef")');
    const far = await capnp(["encode", "--segment-size=4", SCHEMA, "Frame"], text);
    equal(new DataView(far.buffer).getUint32(0, true), 1);
    deepEqual(decodeStruct(dsoftbusSchema, "Frame", far), {
      chan: 7,
      bytes: new TextEncoder().encode("0123456789abcdef"),
    });
    const packed = await capnp(["encode", "--packed", SCHEMA, "Frame"], text);
    let refusal: unknown;
    try {
      decodeStruct(dsoftbusSchema, "Frame", packed);
    } catch (error) {
      refusal = error;
    }
    ok(refusal instanceof Error && refusal.name === "WireError");
  },
  { ignore },
);

import { FileFailure } from "@runtime/core/program_ports.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { hostByteInput } from "./byte_input.ts";

const LENGTH = 200_000;

test("hostByteInput reads a file piece by piece, and closes it when nobody reads on", async () => {
  const path = await Deno.makeTempFile();
  const bytes = Uint8Array.from({ length: LENGTH }, (_, index) => index * 13);
  await Deno.writeFile(path, bytes);
  try {
    const found = new Uint8Array(LENGTH);
    let [at, count] = [0, 0];
    for await (const piece of hostByteInput().pieces(path)) {
      found.set(piece, at);
      at += piece.length;
      count += 1;
    }
    deepEqual(found, bytes);
    ok(count > 1);
    // The sanitizer of resources fails this test when the file stays open.
    for await (const piece of hostByteInput().pieces(path)) {
      ok(piece.length > 0);
      break;
    }
  } finally {
    await Deno.remove(path);
  }
});

test("hostByteInput says why a path cannot be read", async () => {
  const read = (path: string) => hostByteInput().pieces(path)[Symbol.asyncIterator]().next();
  for (const [path, code] of [["/nowhere/at/all", "not_found"], ["/", "wrong_kind"]] as const) {
    const failure = (error: unknown) => error instanceof FileFailure && error.code === code;
    await rejects(() => read(path), failure, path);
  }
});

test("hostByteInput reads standard input where the path is a hyphen", async () => {
  const module = new URL("./byte_input.ts", import.meta.url).href;
  const code = `import { hostByteInput } from "${module}";
    let length = 0;
    for await (const piece of hostByteInput().pieces("-")) length += piece.length;
    console.log(length);`;
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const running = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--config", config, code],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = running.stdin.getWriter();
  await writer.write(new Uint8Array(LENGTH));
  await writer.close();
  const { stdout } = await running.output();
  equal(new TextDecoder().decode(stdout).trim(), String(LENGTH));
});

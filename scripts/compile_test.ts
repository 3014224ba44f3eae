import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { foreignPackage, offlinePair, PACKAGES } from "./ci/offline_pair.ts";
import { TASK_FLAGS } from "@hw/host/permissions.ts";
import { sourceFiles, textOf } from "@tests/source_tree.ts";
import { EMBEDDED, writeChecksums } from "./compile.ts";

test("writeChecksums lists every executable of a folder and nothing else", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/nx-b`, "abc");
  await Deno.writeTextFile(`${folder}/nx-a`, "");
  await Deno.writeTextFile(`${folder}/notes`, "abc");
  await writeChecksums(folder);
  // Of the empty text and of "abc": FIPS 180-4's examples.
  deepEqual(
    await Deno.readTextFile(`${folder}/SHA256SUMS`),
    [
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  nx-a\n",
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  nx-b\n",
    ].join(""),
  );
  await Deno.remove(folder, { recursive: true });
});

test("foreignPackage takes the pinned packages and names any other", () => {
  const packages = Object.fromEntries(
    Object.entries(PACKAGES).map((
      [name, { integrity }],
    ) => [`node_modules/${name}`, { integrity }]),
  );
  deepEqual(foreignPackage({ packages }), undefined);
  for (const name of Object.keys(PACKAGES)) {
    const changed = { ...packages, [`node_modules/${name}`]: { integrity: "sha512-other" } };
    ok(foreignPackage({ packages: changed })?.startsWith(`${name} is not`));
    ok(foreignPackage({ packages: { ...packages, [`node_modules/${name}`]: undefined } }));
  }
});

test("offlinePair refuses a target that npm has no base for", async () => {
  const refusal = await offlinePair("aarch64-apple-darwin");
  ok(typeof refusal === "string" && refusal.includes("aarch64-apple-darwin"));
});

test("the tasks give each command the permissions that are committed for it, and no others", async () => {
  const config = await Deno.readTextFile(new URL("../deno.json", import.meta.url));
  const { tasks } = JSON.parse(config);
  for (const [name, flags] of Object.entries(TASK_FLAGS)) {
    const command = name === "nx" ? "" : ` ${name}`;
    deepEqual(tasks[name], `deno run ${flags.join(" ")} main.ts${command}`);
  }
});

test("every worker of the program is compiled into it", () => {
  const product = sourceFiles().filter((path) =>
    /^(hw|net|runtime|services)\//.test(path) && !path.endsWith("_test.ts")
  );
  const workers = product.flatMap((path) =>
    [...textOf(path).matchAll(/new URL\("([^"]+_worker\.ts)", import\.meta\.url\)/g)]
      .map(([, at = ""]) => new URL(at, `file:///${path}`).pathname.slice(1))
  );
  deepEqual(workers.sort(), [...EMBEDDED].sort());
});

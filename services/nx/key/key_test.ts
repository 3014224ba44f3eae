import { ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { x25519Secret } from "@runtime/crypto/x25519.ts";
import { fromBase64, toBase64 } from "@runtime/core/base64.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { besideKeys } from "@tests/fakes/key_world.ts";
import { test } from "@tests/fakes/test.ts";
import { KEY_ID_TEXT_LENGTH } from "../../keystored/client/key_id.ts";
import { EXIT } from "../exit_code.ts";

const UTF8 = new TextEncoder();
const LETTER = "dear all\n";

test("nx key create, list and show tell of a key, to people and to programs", async () => {
  await besideKeys(async ({ nx, json }) => {
    const empty = await nx("list");
    ok(empty.out.includes("nx key create APP PURPOSE"), empty.out);
    const made = await nx("create", "mail", "letters", "--label", "a\u001bb");
    equal(made.code, EXIT.ok, made.error);
    ok(made.out.startsWith("key        mail/letters\nalgorithm  ed25519, for sign\n"), made.out);
    ok(made.out.includes("label      a b\n"), made.out);
    ok(made.out.includes("created    1970-01-01T00:00:01Z by nx-cli, of a test"), made.out);
    const info = await json("show", "mail", "letters");
    const { versions, keyId, label, ...rest } = info;
    deepEqual(rest, {
      ...{ app: "mail", purpose: "letters", algorithm: "ed25519", uses: ["sign"], state: "active" },
      ...{ version: 1, createdMs: 1_000, expiresMs: null, imported: false, test: true },
      ...{ creator: "nx-cli", changedMs: 1_000, destroyMs: null, maxUses: null, used: 0 },
      ...{ lastUsedMs: null, minimum: { sign: 1, open: 1, verify: 1 } },
    });
    equal(label, "a\u001bb");
    equal(String(keyId).length, KEY_ID_TEXT_LENGTH);
    ok(Array.isArray(versions) && versions.length === 1);
    deepEqual(await json("show", "mail", String(keyId)), info);
    const options = ["--algorithm", "x25519", "--use", "decrypt", "--expires", "30d"];
    const inbox = await json("create", "mail", "inbox", ...options, "--max-uses", "9");
    equal(inbox["expiresMs"], 1_000 + 30 * 86_400_000);
    deepEqual([inbox["uses"], inbox["maxUses"]], [["decrypt"], 9]);
    const listed = await nx("list", "mail");
    const rows = listed.out.trim().split("\n").map((row) => row.split(/ {2,}/));
    deepEqual(rows.map((row) => row.slice(0, 6)), [
      ["APP", "PURPOSE", "ALGORITHM", "STATE", "VERSION", "EXPIRES"],
      ["mail", "inbox", "x25519", "active", "1", "1970-01-31T00:00:01Z"],
      ["mail", "letters", "ed25519", "active", "1", "never"],
    ]);
    equal((await nx("list", "--json")).out.trim().split("\n").length, 2);
  });
});

test("nx key sign and verify: files, standard input, and every way to write bytes", async () => {
  await besideKeys(async (world) => {
    const { nx, json, put, file } = world;
    const { versions } = await json("create", "mail", "letters");
    const [{ publicKey, keyId }] = versions as [{ publicKey: string; keyId: string }];
    put("/letter", LETTER);
    world.stdin = UTF8.encode(LETTER);
    const signs = (signature: Uint8Array) =>
      ok(ed25519Verify(fromHex(publicKey), UTF8.encode(LETTER), signature));
    signs((await nx("sign", "mail", "letters", "--in", "/letter")).bytes);
    signs((await nx("sign", "mail", "letters")).bytes);
    signs(fromHex((await nx("sign", "mail", "letters", "--format", "hex")).out.trim()));
    signs(fromBase64((await nx("sign", "mail", "letters", "--format", "base64")).out.trim()));
    const told = await json("sign", "mail", "letters");
    signs(fromBase64(String(told["signature"])));
    deepEqual([told["version"], told["keyId"]], [1, keyId]);
    put("/letter.hex", toHex(UTF8.encode(LETTER)) + "\n");
    const inHex = ["--in", "/letter.hex", "--in-format", "hex"];
    signs((await nx("sign", "mail", "letters", ...inHex)).bytes);
    for (const format of ["raw", "hex", "base64"]) {
      const [path, place] = [`/sig.${format}`, ["--in", "/letter"]];
      const argv = ["sign", "mail", "letters", ...place, "--format", format, "--out", path];
      const signed = await nx(...argv);
      deepEqual([signed.code, signed.out], [EXIT.ok, ""]);
      equal(file(path).mode, 0o644);
      const good = await nx("verify", "mail", "letters", ...place, "--signature", path);
      deepEqual([good.code, good.out], [EXIT.ok, "good: by version 1\n"]);
      put("/other", `${LETTER}.`);
      const bad = ["verify", "mail", "letters", "--in", "/other", "--signature", path];
      deepEqual((await nx(...bad)).code, EXIT.failed);
      const facts = JSON.parse((await nx(...bad, "--json")).out);
      deepEqual(facts, { valid: false, version: null });
    }
  });
});

test("nx key verify by a key id asks that version alone", async () => {
  await besideKeys(async ({ nx, json, put }) => {
    const { keyId: first } = await json("create", "mail", "letters");
    put("/letter", LETTER);
    await nx("sign", "mail", "letters", "--in", "/letter", "--out", "/one");
    const { keyId: second } = await json("rotate", "mail", "letters");
    const verify = (key: string) =>
      nx("verify", "mail", key, "--in", "/letter", "--signature", "/one");
    equal((await verify("letters")).out, "good: by version 1\n");
    equal((await verify(String(first))).out, "good: by version 1\n");
    equal((await verify(String(second))).code, EXIT.failed);
  });
});

test("nx key seal, unseal, rewrap and inspect", async () => {
  await besideKeys(async ({ nx, json, put, file }) => {
    const created = await json("create", "mail", "drafts", "--algorithm", "xchacha20-poly1305");
    put("/draft", LETTER);
    const bound = ["--aad", "folder 7"];
    const sealing = ["--in", "/draft", "--label", "draft", "--out", "/sealed", ...bound];
    equal((await nx("seal", "mail", "drafts", ...sealing)).code, EXIT.ok);
    deepEqual(await json("inspect", "--in", "/sealed"), {
      ...{ format: "NXSE", version: 1, keyId: created["keyId"], label: "draft" },
      plainLength: LETTER.length,
    });
    const opened = await nx("unseal", "mail", "drafts", "--in", "/sealed", ...bound);
    deepEqual(opened.bytes, UTF8.encode(LETTER));
    put("/aad", "folder 7");
    const toFile = ["--in", "/sealed", "--aad-file", "/aad", "--out", "/opened"];
    equal((await nx("unseal", "mail", "drafts", ...toFile)).code, EXIT.ok);
    deepEqual(file("/opened"), { bytes: UTF8.encode(LETTER), mode: 0o600 });
    const foreign = await nx("unseal", "mail", "drafts", "--in", "/sealed", "--aad", "folder 8");
    equal(foreign.code, EXIT.failed);
    ok(
      foreign.error.includes("does not open") && foreign.error.includes("(EINVAL)"),
      foreign.error,
    );
    await nx("rotate", "mail", "drafts");
    const rewrap = ["rewrap", "mail", "drafts", "--in", "/sealed", "--out", "/sealed", ...bound];
    equal((await nx(...rewrap)).code, EXIT.ok);
    ok((await nx("inspect", "--in", "/sealed")).out.includes("version    2\n"));
    const text = await json("unseal", "mail", "drafts", "--in", "/sealed", ...bound);
    deepEqual([text["plain"], text["label"], text["version"]], [
      toBase64(UTF8.encode(LETTER)),
      "draft",
      2,
    ]);
  });
});

test("nx key seal-to and open-from, and when what was sent expires", async () => {
  await besideKeys(async ({ nx, json, put, advanceMs }) => {
    await json("create", "mail", "inbox", "--algorithm", "x25519");
    put("/letter", LETTER);
    for (const format of ["raw", "hex", "pem", "jwk"]) {
      await nx("show", "mail", "inbox", "--format", format, "--out", "/inbox");
      const argv = ["seal-to", "mail", "--to-file", "/inbox", "--in", "/letter", "--expires", "1d"];
      const sent = await nx(...argv, "--out", "/sent");
      equal(sent.code, EXIT.ok, format + sent.error);
      const opened = await nx("open-from", "mail", "inbox", "--in", "/sent");
      deepEqual(opened.bytes, UTF8.encode(LETTER), format);
    }
    const about = await json("inspect", "--in", "/sent");
    deepEqual([about["format"], about["expiresMs"]], ["NXSR", 86_401_000]);
    advanceMs(86_400_000);
    const late = await nx("open-from", "mail", "inbox", "--in", "/sent");
    equal(late.code, EXIT.failed);
    ok(late.error.includes("until 1970-01-02T00:00:01Z"), late.error);
    put("/none", "no key");
    const wrong = await nx("seal-to", "mail", "--to-file", "/none", "--in", "/letter");
    equal(wrong.code, EXIT.usage);
    equal((await nx("seal-to", "mail", "--in", "/letter")).code, EXIT.usage);
    const low = ["--to", "00".repeat(32), "--in", "/letter"];
    ok((await nx("seal-to", "mail", ...low)).error.includes("points of low order"));
  });
});

test("nx key derive and agree give out what follows from a key", async () => {
  await besideKeys(async ({ nx, json, put }) => {
    await json("create", "mail", "cache", "--algorithm", "hkdf-sha256");
    put("/context", "folder 7");
    const once = await nx("derive", "mail", "cache", "--context", "folder 7", "--format", "hex");
    const again = ["--context-file", "/context", "--format", "hex"];
    equal((await nx("derive", "mail", "cache", ...again)).out, once.out);
    equal(once.out.trim().length, 64);
    const long = await nx("derive", "mail", "cache", "--length", "64");
    equal(long.bytes.length, 64);
    const talk = await json("create", "mail", "talk", "--algorithm", "x25519");
    const other = x25519Secret(new Uint8Array(32).fill(9));
    const to = ["--to", toHex(other.publicKey), "--format", "hex"];
    const [{ publicKey }] = talk["versions"] as [{ publicKey: string }];
    const shared = other.shared(fromHex(publicKey));
    ok(shared !== undefined);
    equal((await nx("agree", "mail", "talk", ...to)).out.trim(), toHex(shared));
  });
});

test("nx key update changes what is said, and nothing else", async () => {
  await besideKeys(async ({ nx, json }) => {
    await json("create", "mail", "letters", "--label", "one", "--max-uses", "5", "--expires", "1d");
    const labelled = await json("update", "mail", "letters", "--label", "two");
    deepEqual([labelled["label"], labelled["maxUses"], labelled["expiresMs"]], [
      "two",
      5,
      86_401_000,
    ]);
    const argv = ["--expires", "none", "--max-uses", "none"];
    const freed = await json("update", "mail", "letters", ...argv);
    deepEqual([freed["maxUses"], freed["expiresMs"], freed["label"]], [null, null, "two"]);
    await json("rotate", "mail", "letters");
    const least = await json("update", "mail", "letters", "--min-verify", "2", "--min-sign", "1");
    deepEqual(least["minimum"], { sign: 1, open: 1, verify: 2 });
    equal((await nx("update", "mail", "letters")).code, EXIT.usage);
    const above = await nx("update", "mail", "letters", "--min-open", "3");
    ok(above.error.includes("a least version is 1 to 2"), above.error);
  });
});

test("nx key destroy, cancel-destroy, suspend, resume, retire and revoke lead where they say", async () => {
  await besideKeys(async ({ nx, json, advanceMs }) => {
    await json("create", "mail", "letters");
    const stateAfter = async (...argv: readonly string[]) => (await json(...argv))["state"];
    equal(await stateAfter("suspend", "mail", "letters"), "suspended");
    equal(await stateAfter("resume", "mail", "letters"), "active");
    const ending = await json("destroy", "mail", "letters", "--wait", "2d");
    deepEqual([ending["state"], ending["destroyMs"]], ["destroying", 172_801_000]);
    equal(await stateAfter("cancel-destroy", "mail", "letters"), "active");
    const usual = await json("destroy", "mail", "letters");
    equal(usual["destroyMs"], 7 * 86_400_000 + 1_000);
    equal(await stateAfter("cancel-destroy", "mail", "letters"), "active");
    equal(await stateAfter("retire", "mail", "letters"), "retired");
    equal(await stateAfter("revoke", "mail", "letters"), "revoked");
    await json("destroy", "mail", "letters", "--wait", "1s");
    advanceMs(1_000);
    ok((await nx("show", "mail", "letters")).out.includes("state      destroyed"));
    equal((await json("create", "mail", "letters"))["version"], 2);
  });
});

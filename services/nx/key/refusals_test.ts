import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { besideKeys } from "@tests/fakes/key_world.ts";
import { test } from "@tests/fakes/test.ts";
import { MESSAGE_LENGTH_MAX, PLAIN_LENGTH_MAX } from "../../keystored/client/key_limits.ts";
import { EXIT } from "../exit_code.ts";

const LETTER = "dear all\n";
const SIGN = ["sign", "mail", "letters", "--in", "/letter"] as const;

type Step = readonly string[] | number;

/** What is done before, in steps of `nx key` and of time; then what is refused, and what is said. */
const CASES: readonly {
  readonly before: readonly Step[];
  readonly argv: readonly string[];
  readonly code: number;
  readonly says: readonly string[];
}[] = [
  {
    before: [["create", "mail", "letters"], ["suspend", "mail", "letters"]],
    argv: SIGN,
    code: EXIT.failed,
    says: ["mail/letters: the key is suspended", "nx key resume mail letters", "(EPERM)"],
  },
  {
    before: [["create", "mail", "letters"], ["retire", "mail", "letters"]],
    argv: SIGN,
    code: EXIT.failed,
    says: ["the key is retired", "create one for another purpose", "(EPERM)"],
  },
  {
    before: [["create", "mail", "talk", "--algorithm", "x25519", "--use", "decrypt"]],
    argv: ["agree", "mail", "talk", "--to", "09".repeat(32)],
    code: EXIT.failed,
    says: ['the key is not for "agree"', "create one with --use agree", "(EPERM)"],
  },
  {
    before: [],
    argv: SIGN,
    code: EXIT.notFound,
    says: ["there is no such key; see nx key list mail (ENOENT)"],
  },
  {
    before: [["create", "mail", "letters"], ["destroy", "mail", "letters", "--wait", "1s"], 1_000],
    argv: SIGN,
    code: EXIT.notFound,
    says: ["it was destroyed on 1970-01-01T00:00:02Z", "(ENOENT)"],
  },
  {
    before: [["create", "mail", "letters"]],
    argv: ["create", "mail", "letters"],
    code: EXIT.failed,
    says: ["nx key rotate mail letters adds a version", "(EALREADY)"],
  },
  {
    before: [["create", "mail", "letters"], ["suspend", "mail", "letters"]],
    argv: ["suspend", "mail", "letters"],
    code: EXIT.failed,
    says: ["it is suspended already (EALREADY)"],
  },
  {
    before: [["create", "mail", "letters"]],
    argv: ["trim", "mail", "letters", "--keep", "3", "--dry-run"],
    code: EXIT.failed,
    says: ["it is so already (EALREADY)"],
  },
  {
    before: [["create", "mail", "letters"], ["revoke", "mail", "letters"]],
    argv: SIGN,
    code: EXIT.failed,
    says: ["was revoked on 1970-01-01T00:00:01Z, for good", "(EKEYREVOKED)"],
  },
  {
    before: [["create", "mail", "letters"], ["destroy", "mail", "letters"]],
    argv: SIGN,
    code: EXIT.failed,
    says: [
      "waits for its destruction on 1970-01-08T00:00:01Z",
      "nx key cancel-destroy mail letters",
    ],
  },
  {
    before: [["create", "mail", "letters"]],
    argv: ["seal", "mail", "letters", "--in", "/letter"],
    code: EXIT.failed,
    says: ["it is a key of ed25519; this takes one of xchacha20-poly1305", "(EINVAL)"],
  },
  {
    before: [["create", "mail", "letters"]],
    argv: ["cancel-destroy", "mail", "letters"],
    code: EXIT.failed,
    says: ["nothing to call back: it is active (EINVAL)"],
  },
  {
    before: [["create", "mail", "letters", "--max-uses", "1"], SIGN],
    argv: SIGN,
    code: EXIT.failed,
    says: ["used up: 1 of 1 are taken", "--max-uses raises the limit", "(EDQUOTA)"],
  },
  {
    before: [["create", "mail", "letters", "--expires", "1h"], 3_600_000],
    argv: SIGN,
    code: EXIT.failed,
    says: ["time was over on 1970-01-01T01:00:01Z", "nx key update mail letters --expires"],
  },
  {
    before: [["create", "mail", "letters", "--expires", "1h"], 3_600_000],
    argv: ["rotate", "mail", "letters", "--dry-run"],
    code: EXIT.failed,
    says: ["time was over on 1970-01-01T01:00:01Z", "(EEXPIRED)"],
  },
];

for (const { before, argv, code, says } of CASES) {
  const steps = before.map((step) => typeof step === "number" ? `${step} ms` : step.join(" "));
  const after = steps.length === 0 ? "" : ` after ${steps.join(", ")}`;
  test(`nx key ${argv.join(" ")}${after} is refused with a way out`, async () => {
    await besideKeys(async ({ nx, put, advanceMs }) => {
      put("/letter", LETTER);
      for (const step of before) {
        if (typeof step === "number") advanceMs(step);
        else equal((await nx(...step)).code, EXIT.ok, step.join(" "));
      }
      const { error, out, code: ended } = await nx(...argv);
      for (const part of says) ok(error.includes(part), `${part} is not in ${error}`);
      equal(ended, code);
      equal(out, "");
      equal(error.trimEnd().split("\n").length, 1, "a failure is one line");
    });
  });
}

test("nx key says that policy is against it only where the key is not", async () => {
  const gate = () => Promise.resolve(false);
  await besideKeys(async ({ nx, put }) => {
    put("/letter", LETTER);
    const { code, error } = await nx(...SIGN);
    equal(code, EXIT.denied);
    ok(error.includes("policy denies sign to nx-cli"), error);
    ok(error.includes("nx log --audit"), error);
  }, { gate });
});

test("nx key names a version that is below the least", async () => {
  await besideKeys(async ({ nx, json, put }) => {
    put("/letter", LETTER);
    const { keyId } = await json("create", "mail", "letters");
    await json("rotate", "mail", "letters");
    const { code, error } = await nx("sign", "mail", String(keyId), "--in", "/letter");
    equal(code, EXIT.failed);
    ok(error.includes("below 2, the least that may do this"), error);
    ok(error.includes("nx key update --min-sign"), error);
  });
});

test("nx key does not blame time for a version that is below the least", async () => {
  await besideKeys(async ({ nx, json, put, advanceMs }) => {
    put("/letter", LETTER);
    const { keyId } = await json("create", "mail", "letters", "--expires", "1h");
    await json("sign", "mail", "letters", "--in", "/letter", "--out", "/sig");
    await json("rotate", "mail", "letters");
    await json("update", "mail", "letters", "--min-verify", "2");
    advanceMs(3_600_000);
    const place = ["--in", "/letter", "--signature", "/sig"];
    const { error } = await nx("verify", "mail", String(keyId), ...place);
    ok(error.includes("nx key update --min-verify"), error);
  });
});

test("nx key show --public says which keys have no such half or format", async () => {
  await besideKeys(async ({ nx, json }) => {
    await json("create", "mail", "drafts", "--algorithm", "xchacha20-poly1305");
    await json("create", "mail", "talk", "--algorithm", "x25519");
    for (const format of ["raw", "hex", "jwk", "pem", "ssh"]) {
      const { code, error, out } = await nx("show", "mail", "drafts", "--format", format);
      deepEqual([code, out], [EXIT.failed, ""], format);
      ok(error.includes("have no public half"), error);
    }
    const ssh = await nx("show", "mail", "talk", "--format", "ssh");
    ok(ssh.error.includes("take --format pem or jwk"), ssh.error);
  });
});

test("nx key reads what an ssh signature is over as it is, and two inputs from two places", async () => {
  await besideKeys(async ({ nx, json, put }) => {
    await json("create", "mail", "letters");
    put("/hex", "00");
    const inHex = ["--in", "/hex", "--in-format", "hex", "--format", "ssh"];
    const signed = await nx("sign", "mail", "letters", ...inHex);
    equal(signed.code, EXIT.usage);
    ok(signed.error.includes("is read as it is: raw"), signed.error);
    const { error } = await nx("verify", "mail", "letters", "--signature", "-");
    ok(error.includes("cannot both be standard input"), error);
  });
});

test("nx key refuses what is longer than its bound before any key is used, and names the bound", async () => {
  await besideKeys(async ({ nx, put, json }) => {
    await json("create", "mail", "letters");
    put("/message", new Uint8Array(MESSAGE_LENGTH_MAX));
    put("/long", new Uint8Array(MESSAGE_LENGTH_MAX + 1));
    equal((await nx("sign", "mail", "letters", "--in", "/message")).code, EXIT.ok);
    const { code, error } = await nx("sign", "mail", "letters", "--in", "/long");
    equal(code, EXIT.usage);
    ok(error.includes(`at most ${MESSAGE_LENGTH_MAX} bytes`), error);
    ok(error.includes("--format ssh signs its digest"), error);
    put("/hex", "00".repeat(MESSAGE_LENGTH_MAX + 1));
    const inHex = ["--in", "/hex", "--in-format", "hex"];
    const inText = await nx("sign", "mail", "letters", ...inHex);
    ok(inText.error.includes("--format ssh"), inText.error);
    put("/hex", "00".repeat(MESSAGE_LENGTH_MAX).replace(/.{64}/g, "$&\n"));
    equal((await nx("sign", "mail", "letters", ...inHex)).code, EXIT.ok);
    put("/plain", new Uint8Array(PLAIN_LENGTH_MAX + 1));
    const sealed = await nx("seal", "mail", "drafts", "--in", "/plain");
    ok(sealed.error.includes(`at most ${PLAIN_LENGTH_MAX} bytes`), sealed.error);
    equal((await nx("derive", "mail", "x", "--context", "x".repeat(129))).code, EXIT.usage);
    equal((await nx("seal", "mail", "x", "--aad", "x".repeat(1_025))).code, EXIT.usage);
  });
});

test("nx key writes no bytes to a terminal that it could not show", async () => {
  await besideKeys(async ({ nx, json, put, outBytes }) => {
    await json("create", "mail", "drafts", "--algorithm", "xchacha20-poly1305");
    put("/text", LETTER);
    put("/orders", "\u001b[2J");
    const seal = ["seal", "mail", "drafts", "--in", "/text"];
    const shown = await nx(...seal);
    ok(/^[A-Za-z0-9+/]+=*\n$/.test(shown.out), shown.out);
    const raw = await nx(...seal, "--format", "raw");
    equal(raw.code, EXIT.usage);
    ok(raw.error.includes("--format base64, or --out FILE"), raw.error);
    await nx(...seal, "--out", "/sealed");
    equal((await nx("unseal", "mail", "drafts", "--in", "/sealed")).out, LETTER);
    await nx("seal", "mail", "drafts", "--in", "/orders", "--out", "/sealed");
    equal((await nx("unseal", "mail", "drafts", "--in", "/sealed")).out, "G1sySg==\n");
    equal(outBytes().length, 0);
  }, { interactive: true });
});

const USAGE: readonly (readonly string[])[] = [
  ["create", "Mail", "letters"],
  ["create", "mail", `nk1-${"0".repeat(40)}`],
  ["create", "mail", "letters", "--algorithm", "rsa"],
  ["create", "mail", "letters", "--use", "decrypt"],
  ["create", "mail", "letters", "--use", "sing"],
  ["create", "mail", "letters", "--label", "x".repeat(65)],
  ["create", "mail", "letters", "--expires", "soon"],
  ["create", "mail", "letters", "--expires", "0"],
  ["create", "mail", "letters", "--max-uses", "0"],
  ["show", "mail", `nk1-${"G".repeat(40)}`],
  ["sign", "mail", "letters", "--format", "pem"],
  ["sign", "mail", "letters", "--namespace", "x"],
  ["sign", "mail", "letters", "--json", "--format", "raw"],
  ["verify", "mail", "letters"],
  ["verify", "mail", "letters", "--signature", "-"],
  ["seal", "mail", "drafts", "--aad", "x", "--aad-file", "/x"],
  ["seal-to", "mail", "--to", "00"],
  ["derive", "mail", "cache", "--length", "15"],
  ["trim", "mail", "letters"],
  ["trim", "mail", "letters", "--keep", "0"],
  ["destroy", "mail", "letters", "--wait", "366d"],
  ["destroy", "mail", "letters", "--wait", "0"],
  ["resume", "mail", "letters", "--dry-run"],
  ["update", "mail", "letters", "--min-sign", "0"],
];

test("nx key refuses arguments out of range as every command does", async () => {
  await besideKeys(async ({ nx }) => {
    await nx("create", "mail", "letters");
    for (const argv of USAGE) equal((await nx(...argv)).code, EXIT.usage, argv.join(" "));
  });
});

test("nx key inspect asks nobody, and shows nothing of what is no sealed value", async () => {
  await besideKeys(async ({ nx, put }) => {
    for (const bytes of ["", "NXSE", "x".repeat(200)]) {
      put("/none", bytes);
      const { code, error } = await nx("inspect", "--in", "/none");
      equal(code, EXIT.failed);
      ok(error.includes("holds nothing that nx key seal or seal-to made"), error);
    }
    put("/hex", "not hex");
    equal((await nx("inspect", "--in", "/hex", "--in-format", "hex")).code, EXIT.usage);
  });
});

/**
 * What `nx key` makes is what OpenSSL and OpenSSH take, tried with the tools themselves.
 *
 * @module
 */

import { concatBytes } from "@runtime/core/bytes.ts";
import { besideKeys, type KeyWorld } from "../fakes/key_world.ts";
import { equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";

const UTF8 = new TextEncoder();
const MESSAGE = UTF8.encode("dear all\n");
const OTHER = UTF8.encode("dear you\n");
/** Longer than one signature of the bare bytes takes, and than one piece of input. */
const LARGE_LENGTH = 300_000;

/** Whether a program is there: without it its tests are ignored. */
function installed(program: string, ...args: readonly string[]): boolean {
  try {
    new Deno.Command(program, { args: [...args], stdin: "null", stdout: "null", stderr: "null" })
      .outputSync();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const OPENSSL = { ignore: !installed("openssl", "version") };
const SSH_KEYGEN = { ignore: !installed("ssh-keygen", "-?") };

interface Ended {
  readonly code: number;
  readonly out: string;
}

async function run(
  program: string,
  args: readonly string[],
  input: Uint8Array<ArrayBuffer> = new Uint8Array(0),
): Promise<Ended> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  // A program that refuses does not read to the end.
  await writer.write(input).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout) + text.decode(stderr) };
}

/** Runs `work` beside keys, with a folder of the host's for the tools. */
async function beside(work: (world: KeyWorld, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "nx-tools-" });
  try {
    await besideKeys((world) => work(world, folder));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

test(
  "openssl pkeyutl verifies an Ed25519 signature by the PEM, and refuses another message",
  async () => {
    await beside(async ({ nx, put, file }, folder) => {
      put("/message", MESSAGE);
      await nx("create", "mail", "letters");
      await nx("show", "mail", "letters", "--public", "--format", "pem", "--out", "/pem");
      await nx("sign", "mail", "letters", "--in", "/message", "--out", "/sig");
      await Deno.writeFile(`${folder}/pem`, file("/pem").bytes);
      await Deno.writeFile(`${folder}/sig`, file("/sig").bytes);
      for (const [message, code] of [[MESSAGE, 0], [OTHER, 1]] as const) {
        await Deno.writeFile(`${folder}/message`, message);
        const verify = ["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", `${folder}/pem`];
        const files = ["-in", `${folder}/message`, "-sigfile", `${folder}/sig`];
        const ended = await run("openssl", [...verify, ...files]);
        equal(ended.code, code, ended.out);
      }
    });
  },
  OPENSSL,
);

test("openssl agrees with an X25519 key by its PEM to what nx key agree gives", async () => {
  await beside(async ({ nx, put, file }, folder) => {
    await nx("create", "mail", "talk", "--algorithm", "x25519");
    await nx("show", "mail", "talk", "--format", "pem", "--out", "/pem");
    await Deno.writeFile(`${folder}/pem`, file("/pem").bytes);
    await run("openssl", ["genpkey", "-algorithm", "X25519", "-out", `${folder}/own`]);
    const own = ["pkey", "-in", `${folder}/own`, "-pubout", "-out", `${folder}/own.pub`];
    equal((await run("openssl", own)).code, 0);
    put("/own.pub", await Deno.readFile(`${folder}/own.pub`));
    const derive = ["pkeyutl", "-derive", "-inkey", `${folder}/own`, "-peerkey", `${folder}/pem`];
    equal((await run("openssl", [...derive, "-out", `${folder}/shared`])).code, 0);
    const { bytes } = await nx("agree", "mail", "talk", "--to-file", "/own.pub");
    equal(bytes.join(), (await Deno.readFile(`${folder}/shared`)).join());
  });
}, OPENSSL);

/** `ssh-keygen -Y verify` of a message, whose maker must be `me`. */
function sshVerify(
  folder: string,
  message: Uint8Array<ArrayBuffer>,
  namespace: string,
): Promise<Ended> {
  const signers = ["-f", `${folder}/signers`, "-I", "me"];
  const args = ["-Y", "verify", ...signers, "-n", namespace, "-s", `${folder}/sig`];
  return run("ssh-keygen", args, message);
}

test("ssh-keygen -Y verifies a message of any length in its namespace, and no other", async () => {
  await beside(async ({ nx, put, file }, folder) => {
    const large = Uint8Array.from({ length: LARGE_LENGTH }, (_, index) => index * 3);
    await nx("create", "mail", "letters");
    const line = await nx("show", "mail", "letters", "--public", "--format", "ssh");
    await Deno.writeTextFile(`${folder}/signers`, `me ${line.out}`);
    for (const message of [MESSAGE, large, new Uint8Array(0)]) {
      put("/message", message);
      const signing = ["--in", "/message", "--format", "ssh", "--out", "/sig"];
      equal((await nx("sign", "mail", "letters", ...signing, "--namespace", "post")).code, 0);
      await Deno.writeFile(`${folder}/sig`, file("/sig").bytes);
      const good = await sshVerify(folder, message, "post");
      equal(good.code, 0, good.out);
      ok(good.out.startsWith('Good "post" signature for me'), good.out);
      ok((await sshVerify(folder, concatBytes(message, Uint8Array.of(1)), "post")).code !== 0);
      ok((await sshVerify(folder, message, "file")).code !== 0);
      const verifying = ["--in", "/message", "--signature", "/sig"];
      const own = await nx("verify", "mail", "letters", ...verifying, "--namespace", "post");
      equal(own.code, 0, own.error);
      ok((await nx("verify", "mail", "letters", ...verifying)).error.includes('"post"'));
    }
  });
}, SSH_KEYGEN);

test("ssh-keygen reads the public key, and nx key refuses a signature by another one", async () => {
  await beside(async ({ nx, put }, folder) => {
    await nx("create", "mail", "letters");
    const { out } = await nx("show", "mail", "letters", "--format", "ssh");
    await Deno.writeTextFile(`${folder}/key.pub`, out);
    const listed = await run("ssh-keygen", ["-l", "-f", `${folder}/key.pub`]);
    ok(/^256 SHA256:\S+ mail\/letters \(ED25519\)$/m.test(listed.out), listed.out);
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", `${folder}/other`]);
    await Deno.writeFile(`${folder}/message`, MESSAGE);
    const signing = ["-Y", "sign", "-f", `${folder}/other`, "-n", "file", `${folder}/message`];
    equal((await run("ssh-keygen", signing)).code, 0);
    put("/message", MESSAGE);
    put("/sig", await Deno.readFile(`${folder}/message.sig`));
    const verify = await nx("verify", "mail", "letters", "--in", "/message", "--signature", "/sig");
    equal(verify.out, "bad: not by this key\n");
  });
}, SSH_KEYGEN);

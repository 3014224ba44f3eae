import { type FileError, FileFailure } from "@runtime/core/program_ports.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { hostFiles } from "./files.ts";

const files = hostFiles();

/** Runs a test in a folder of its own. */
function inFolder(work: (folder: string) => void): () => void {
  return () => {
    const folder = files.temporaryFolder("nx-files-");
    try {
      work(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

function failsWith(code: FileError, work: () => void): void {
  throws(work, (error) => error instanceof FileFailure && error.code === code);
}

test(
  "hostFiles write and read back, with the mode asked for",
  inFolder((folder) => {
    files.writeText(`${folder}/key`, "one", 0o600);
    files.writeText(`${folder}/key`, "second", 0o600);
    equal(files.readText(`${folder}/key`, 6), "second");
    deepEqual(files.facts(`${folder}/key`), { kind: "file", length: 6, mode: 0o600, own: true });
    deepEqual(files.list(folder), ["key"]);
  }),
);

test(
  "hostFiles give a temporary folder the name asked for",
  inFolder((folder) => {
    ok(/\/nx-files-\w+$/.test(folder), folder);
    equal(files.facts(folder)?.mode, 0o700);
  }),
);

test(
  "hostFiles append to a file",
  inFolder((folder) => {
    files.appendBytes(`${folder}/log`, Uint8Array.of(1), 0o600);
    files.appendBytes(`${folder}/log`, Uint8Array.of(2, 3), 0o600);
    deepEqual(files.readBytes(`${folder}/log`, 10), Uint8Array.of(1, 2, 3));
  }),
);

test(
  "hostFiles read no more than allowed",
  inFolder((folder) => {
    files.writeText(`${folder}/long`, "12345", 0o600);
    failsWith("too_large", () => files.readBytes(`${folder}/long`, 4));
    failsWith("too_large", () => files.readBytes("/dev/zero", 100_000));
  }),
);

test(
  "hostFiles makePrivateFolder refuses links and folders open to others",
  inFolder((folder) => {
    files.makePrivateFolder(`${folder}/a/b`);
    files.makePrivateFolder(`${folder}/a/b`);
    equal(files.facts(`${folder}/a/b`)?.mode, 0o700);
    Deno.chmodSync(`${folder}/a/b`, 0o750);
    failsWith("not_private", () => files.makePrivateFolder(`${folder}/a/b`));
    files.link(`${folder}/a`, `${folder}/link`);
    failsWith("not_private", () => files.makePrivateFolder(`${folder}/link`));
    equal(files.facts(`${folder}/link`)?.kind, "symlink");
  }),
);

test(
  "hostFiles tell what is absent, and removing it is no failure",
  inFolder((folder) => {
    equal(files.facts(`${folder}/none`), undefined);
    files.remove(`${folder}/none`);
    failsWith("not_found", () => files.readText(`${folder}/none`, 1));
    failsWith("not_found", () => files.list(`${folder}/none`));
    failsWith("wrong_kind", () => files.readBytes(folder, 1));
  }),
);

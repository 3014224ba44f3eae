import { type FileError, FileFailure } from "@runtime/core/program_ports.ts";
import { equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { fileErrorOf, hostFiles } from "./files.ts";
import { openPrivate } from "./private_file.ts";

const ROOT_USER = 0;
const OTHER_USER = 65_534;
const files = hostFiles();

/** Runs a test with the path of a private file that says "mine". */
function withFile(work: (path: string, folder: string) => void): () => void {
  return () => {
    const folder = Deno.makeTempDirSync({ prefix: "nx-private-" });
    const path = `${folder}/key`;
    try {
      Deno.writeTextFileSync(path, "mine", { mode: 0o600 });
      work(path, folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

function refusesToRead(code: FileError, path: string): void {
  throws(
    () => files.readPrivateText(path, 100),
    (error) => error instanceof FileFailure && error.code === code,
  );
}

test(
  "openPrivate opens a file of this user alone, to read and to write",
  withFile((path) => {
    equal(files.readPrivateText(path, 4), "mine");
    refusesToRead("not_found", `${path}.none`);
    Deno.writeTextFileSync(path, "longer".repeat(20));
    refusesToRead("too_large", path);
    using file = openPrivate(path, { write: true });
    equal(file.writeSync(new TextEncoder().encode("L")), 1);
    ok(Deno.readTextFileSync(path).startsWith("Longer"));
  }),
);

test(
  "openPrivate refuses a link, whatever it leads to",
  withFile((path, folder) => {
    files.link(path, `${folder}/link`);
    refusesToRead("wrong_kind", `${folder}/link`);
    files.link(`${folder}/none`, `${folder}/dangling`);
    refusesToRead("wrong_kind", `${folder}/dangling`);
    throws(
      () => openPrivate(`${folder}/link`, { write: true }),
      (error) => error instanceof FileFailure && error.code === "wrong_kind",
    );
  }),
);

test(
  "openPrivate refuses a file that anybody else may open",
  withFile((path) => {
    for (const mode of [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o777]) {
      Deno.chmodSync(path, mode);
      refusesToRead("not_private", path);
    }
    Deno.chmodSync(path, 0o600);
    equal(files.readPrivateText(path, 4), "mine");
  }),
);

test(
  "openPrivate refuses another user's file",
  withFile((path) => {
    Deno.chownSync(path, OTHER_USER, null);
    refusesToRead("not_private", path);
  }),
  { ignore: Deno.uid() !== ROOT_USER },
);

test(
  "openPrivate refuses a folder, a socket and a pipe, and waits for nobody",
  withFile((_, folder) => {
    refusesToRead("wrong_kind", folder);
    const listener = Deno.listen({ transport: "unix", path: `${folder}/socket` });
    refusesToRead("wrong_kind", `${folder}/socket`);
    listener.close();
    const { success } = new Deno.Command("mkfifo", { args: ["-m", "600", `${folder}/pipe`] })
      .outputSync();
    ok(success);
    refusesToRead("wrong_kind", `${folder}/pipe`);
  }),
);

test(
  "openPrivate refuses a file that takes another's place while it is opened",
  withFile((path, folder) => {
    Deno.writeTextFileSync(`${folder}/other`, "yours", { mode: 0o600 });
    const swaps = [
      () => Deno.renameSync(`${folder}/other`, path),
      () => {
        Deno.writeTextFileSync(`${folder}/target`, "yours", { mode: 0o600 });
        Deno.removeSync(path);
        Deno.symlinkSync(`${folder}/target`, path);
      },
    ];
    for (const swap of swaps) {
      const look = () => {
        const facts = Deno.lstatSync(path);
        swap();
        return facts;
      };
      throws(
        () => openPrivate(path, { read: true, look }),
        (error) => error instanceof FileFailure && error.code === "replaced",
      );
    }
  }),
);

test(
  "openPrivate makes a file for this user alone, and follows no link to make it",
  withFile((path, folder) => {
    openPrivate(`${folder}/new`, { write: true, createNew: true }).close();
    equal(files.facts(`${folder}/new`)?.mode, 0o600);
    files.link(`${folder}/elsewhere`, `${folder}/link`);
    for (const taken of [path, `${folder}/link`]) {
      throws(
        () => openPrivate(taken, { write: true, createNew: true }),
        (error) => fileErrorOf(error) === "exists",
      );
    }
    equal(files.facts(`${folder}/elsewhere`), undefined);
  }),
);

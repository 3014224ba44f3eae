import { deepEqual, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { packageFiles, type PackageInfo, withoutComments } from "./package_files.ts";

const FILES: Readonly<Record<string, string>> = {
  "/a/package.json": `{"exports": {".": {"require": "./a.cjs", "import": "./a.js"}}}`,
  "/a/a.js": `import x from "./in/b.js"; // import "./no.js"\nexport * from "@scope/c/d.js";`,
  "/a/in/b.js": `const y = await import('../a.js'); import "node:fs";`,
  "/c/package.json": `{"exports": {".": "./c.js", "./d.js": "./d.js"}}`,
  "/c/d.js": `/* import "./no.js" */ export {}`,
};

const PACKAGES: Readonly<Record<string, PackageInfo>> = {
  "a@1": { name: "a", dependencies: ["@scope/c@1"], localPath: "/a" },
  "@scope/c@1": { name: "@scope/c", dependencies: [], localPath: "/c" },
};

function readText(path: string): string {
  const text = FILES[path];
  if (text === undefined) throw new TypeError(path);
  return text;
}

test("packageFiles follows imports through files and packages, and no comment", () => {
  const modules = [{ specifier: "npm:/a@1.0.0", npmPackage: "a@1" }];
  const files = packageFiles(modules, PACKAGES, readText);
  deepEqual([...files.keys()], ["/a/a.js", "/a/in/b.js", "/c/d.js"]);
});

test("packageFiles takes a module below a scoped package", () => {
  const modules = [{ specifier: "npm:/@scope/c@1.0.0/d.js", npmPackage: "@scope/c@1" }];
  deepEqual([...packageFiles(modules, PACKAGES, readText).keys()], ["/c/d.js"]);
});

test("packageFiles refuses what it cannot follow", () => {
  const module = { specifier: "npm:/@scope/c@1.0.0/x.js", npmPackage: "@scope/c@1" };
  throws(() => packageFiles([module], PACKAGES, readText), /exports no/);
  throws(() => packageFiles([{ specifier: "npm:/z@1" }], PACKAGES, readText), /no package/);
});

test("withoutComments leaves code and the slashes of addresses", () => {
  deepEqual(withoutComments('a(); // b\n"http://c"; /* d\n */ e();'), 'a(); \n"http://c";  e();');
});

/* Prints what a locked worker found, as one line of JSON: for another Deno, and for an artifact. */
import { builtinModules } from "node:module";
import { builtins } from "./builtins.ts";
import { OUTSIDE, PACKAGES } from "./outside.ts";
import { LockedWorker } from "./report.ts";

const worker = new LockedWorker({ lock: true });
const unlisted = builtinModules.flatMap((name) => [name, `node:${name}`]);
const names = [...builtins(), ...unlisted, ...OUTSIDE, ...Deno.build.standalone ? PACKAGES : []];
const reports = [await worker.ask("escape", names), await worker.ask("work")];
worker.end();
console.log(JSON.stringify(reports));

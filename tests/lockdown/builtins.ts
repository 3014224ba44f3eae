import { builtinModules } from "node:module";

/** Builtins that this Deno has and does not list. */
const UNLISTED = ["test", "test/reporters", "sqlite"];

/** @returns Every name under which the running Deno knows a module of its own. */
export function builtins(): string[] {
  const bare = builtinModules.map((name) => name.replace(/^node:/, "")).filter(isOpen);
  return [...new Set([...bare, ...UNLISTED])].flatMap((name) => [name, `node:${name}`]);
}

/** Deno 2.4 lists modules that only its own modules can import. */
function isOpen(name: string): boolean {
  return !name.startsWith("internal/") && name !== "traceEvents";
}

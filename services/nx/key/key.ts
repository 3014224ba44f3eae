import type { Command } from "commander";
import type { Shell } from "../shell.ts";
import { addKeyChanges } from "./change.ts";
import { addKeyCreate } from "./create.ts";
import { addKeyDerive } from "./derive.ts";
import { addKeyInspect } from "./inspect.ts";
import { addKeyLook } from "./look.ts";
import { addKeySeal } from "./seal.ts";
import { addKeySend } from "./send.ts";
import { addKeySign } from "./sign.ts";
import { addKeyUpdate } from "./update.ts";
import { addKeyVerify } from "./verify.ts";

/** Commands below `nx key`, in the order of its help. */
export const KEY_COMMANDS = [
  "create",
  "list",
  "show",
  "sign",
  "verify",
  "seal",
  "unseal",
  "rewrap",
  "seal-to",
  "open-from",
  "derive",
  "agree",
  "rotate",
  "revoke",
  "suspend",
  "resume",
  "retire",
  "destroy",
  "cancel-destroy",
  "trim",
  "update",
  "inspect",
] as const;

/** `nx key`: keys of applications, which never leave the node. */
export function addKey(program: Command, shell: Shell): void {
  const key = program.command("key").description("make, use and end keys that never leave a node");
  const groups = [
    ...[addKeyCreate, addKeyLook, addKeySign, addKeyVerify, addKeySeal, addKeySend, addKeyDerive],
    ...[addKeyChanges, addKeyUpdate, addKeyInspect],
  ];
  for (const add of groups) add(key, shell);
}

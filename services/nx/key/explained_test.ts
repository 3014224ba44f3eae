import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { KEY_ERRORS } from "../../keystored/client/key_error.ts";
import { MESSAGE_LENGTH_MAX, PLAIN_LENGTH_MAX } from "../../keystored/client/key_limits.ts";
import { KeyError, KeysUnavailable } from "../../keystored/client/keys_failure.ts";
import { KEY_OPERATIONS } from "../../keystored/client/lifecycle.ts";
import { EXIT } from "../exit_code.ts";
import { explained, unavailable } from "./explained.ts";

/** Keys of which nothing may be known. */
const HIDDEN = { get: () => Promise.reject(new KeyError("EPERM", "get")) };
const NOBODY = { get: () => Promise.reject(new KeysUnavailable("gone", "get")) };

test("explained has a line for every code of every operation, also where no key may be read", async () => {
  for (const keys of [HIDDEN, NOBODY]) {
    for (const code of KEY_ERRORS) {
      for (const operation of [...KEY_OPERATIONS, "sealTo", "importKey", "list"]) {
        for (const key of ["letters", undefined]) {
          const asked = { app: "mail", key, nowMs: 1 };
          const { message } = await explained(new KeyError(code, operation), keys, asked);
          const begins = key === undefined ? "mail: " : "mail/letters: ";
          ok(message.startsWith(begins) && message.endsWith(`(${code})`), message);
          const bare = message.replace(/undefined(?= )/, "");
          if (key !== undefined) equal(bare, message, `${operation} ${code}`);
          ok(!/\n|null|NaN/.test(message), message);
        }
      }
    }
  }
});

test("explained tells bounds and both numbers", async () => {
  const asked = { app: "mail", key: "letters", nowMs: 1 };
  const big = async (operation: string) =>
    await explained(new KeyError("E2BIG", operation), HIDDEN, asked);
  ok((await big("sign")).message.includes(String(MESSAGE_LENGTH_MAX)));
  ok((await big("seal")).message.includes(String(PLAIN_LENGTH_MAX)));
  equal((await big("seal")).exitCode, EXIT.usage);
  for (const operation of ["create", "rotate", "sign", "update"]) {
    const full = new KeyError("EDQUOTA", operation, { used: 31n, limit: 32n });
    const { message } = await explained(full, HIDDEN, asked);
    ok(message.includes("31 of 32"), message);
  }
});

test("unavailable says how far it came, and that nobody knows what was done", () => {
  const reasons = ["gone", "no_reply", "unavailable", "garbled", "damaged"] as const;
  const told = reasons.map((reason) => unavailable(new KeysUnavailable(reason, "rotate")));
  deepEqual(told.map(({ exitCode }) => exitCode), [
    EXIT.failed,
    EXIT.timedOut,
    EXIT.failed,
    EXIT.failed,
    EXIT.failed,
  ]);
  for (const { message } of told) ok(message.startsWith("rotate: "), message);
  for (const { message } of told.slice(0, 3)) ok(message.includes("nx key show"), message);
});

import { equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { type Apps, APPS_MAX, parseApps } from "./apps.ts";
import { GrantsError } from "./grants_error.ts";

function refusedWith(section: object): string {
  try {
    parseApps(section);
  } catch (error) {
    ok(error instanceof GrantsError);
    return error.code;
  }
  return "accepted";
}

function owners(apps: Apps, names: readonly string[]): readonly (string | undefined)[] {
  return names.map((name) => apps.owner(name));
}

test("Apps gives each application to one subject, the longest pattern's", () => {
  const lines = { mail: ["mail", "mail.*"], spam: ["mail.spam.*"], cli: ["*"], "x-y": ["x-y.z"] };
  for (const section of [lines, Object.fromEntries(Object.entries(lines).toReversed())]) {
    const names = [
      "mail",
      "mail.box",
      "mail.spam",
      "mail.spam.old.older",
      "mailbox",
      "x-y.z",
      "x-y",
    ];
    equal(
      owners(parseApps(section), names).join(),
      "mail,mail,mail,spam,cli,x-y,cli",
    );
  }
});

test("Apps gives nobody what no line names, and a pattern is no application", () => {
  const apps = parseApps({ mail: ["mail.*"], cli: ["*"] });
  equal(parseApps({ mail: ["mail.*"] }).owner("other"), undefined);
  for (const name of ["", "mail.*", "*", ".", "mail.", "Mail", "mail.x:y", "a".repeat(49)]) {
    equal(apps.owner(name), undefined, name);
  }
});

test("parseApps refuses what is no pattern, and two owners of one", () => {
  for (
    const bad of ["", "Mail", "mail.", ".mail", "mail:x", "mail/x", "**", "*.mail", "a".repeat(49)]
  ) {
    equal(refusedWith({ mail: [bad] }), "bad_app", bad);
  }
  equal(refusedWith({ mail: [1] }), "not_text");
  equal(refusedWith({ mail: "mail" }), "not_a_list");
  equal(refusedWith({ mail: ["a"], other: ["a"] }), "shared_app");
  equal(refusedWith({ mail: ["*", "*"] }), "shared_app");
  equal(
    refusedWith({ mail: Array.from({ length: APPS_MAX + 1 }, (_, n) => `a${n}`) }),
    "too_many_apps",
  );
});

import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { WARNING_WINDOW_NS } from "./quota.ts";
import { OncePerOwner, shownOwner } from "./quota_lines.ts";

test("shownOwner makes of any owner a name that a line may hold", () => {
  const shown = ["subject:dsoftbusd", "app:Mail.1", "subject:", "app:a b\nc", "subject:7"]
    .map(shownOwner);
  deepEqual(shown, ["dsoftbusd", "app:mail.1", "x", "app:a_b_c", "x7"]);
});

test("OncePerOwner lets one line of an owner through in a window, and forgets the oldest of many", () => {
  const once = new OncePerOwner();
  equal(once.take("a", 0), true);
  equal(once.take("a", WARNING_WINDOW_NS - 1), false);
  equal(once.take("b", 1), true);
  equal(once.take("a", WARNING_WINDOW_NS), true);
  for (let index = 0; index < 4_096; index++) once.take(`o${index}`, WARNING_WINDOW_NS);
  equal(once.take("o4095", WARNING_WINDOW_NS + 1), false);
  equal(once.take("a", WARNING_WINDOW_NS + 1), true, "it was forgotten");
});

import { deepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { repeated } from "./check.ts";

test("repeated runs every case that the budget allows, at least one, and in order", async () => {
  const seen: number[] = [];
  const result = await repeated({ seconds: 60, casesMax: 3 }, (index) => void seen.push(index));
  deepEqual([result, seen], [{ cases: 3, failures: [] }, [0, 1, 2]]);
  const late = await repeated({ seconds: 0, casesMax: 3 }, () => {});
  deepEqual(late, { cases: 1, failures: [] });
});

test("repeated stops at the first case that fails and says which", async () => {
  const result = await repeated({ seconds: 60, casesMax: 9 }, (index) => {
    if (index === 2) throw new Error("lost");
  });
  deepEqual(result, { cases: 2, failures: ["case 2: lost"] });
});

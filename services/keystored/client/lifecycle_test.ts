import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import page from "../../../docs/identity/keystore.md" with { type: "text" };
import { KEY_ERROR_DOCS } from "./key_error.ts";
import { CONDITIONS, KEY_OPERATIONS, KEY_STATES, LIFECYCLE } from "./lifecycle.ts";

/** Cells of a table's rows, the line under the head left out. */
function rowsOf(table: string): readonly (readonly string[])[] {
  return table.trim().split("\n").filter((line) => !/^[|\s-]+$/.test(line))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

test("docs/identity/keystore.md prints the table that the code runs from", () => {
  const [, printed = ""] = /<!-- lifecycle -->\n([^]*?)<!-- \/lifecycle -->/.exec(page) ?? [];
  const rows = KEY_OPERATIONS.map((operation) => [
    operation as string,
    ...CONDITIONS.map((condition) => LIFECYCLE[operation][condition] as string),
  ]);
  deepEqual(rowsOf(printed), [["", ...CONDITIONS], ...rows]);
});

test("docs/identity/keystore.md says what each refusal means", () => {
  const [, printed = ""] = /## Refusals\n\n([^]*?)\n\n/.exec(page) ?? [];
  deepEqual(rowsOf(printed).slice(1), Object.entries(KEY_ERROR_DOCS));
});

test("docs/identity/keystore.md numbers the states as records do", () => {
  const states = KEY_STATES.map((state, number) => `${number} ${state}`).join(", ");
  ok(page.replaceAll(/\s+/g, " ").includes(`: ${states}.`));
});

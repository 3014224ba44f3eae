import { FileFailure } from "@runtime/core/program_ports.ts";
import { deepEqual, throws } from "@tests/fakes/assert.ts";
import { memoryFiles } from "@tests/fakes/memory_files.ts";
import { test } from "@tests/fakes/test.ts";
import { readReport, REPORT_LENGTH_MAX, RunReport } from "./run_report.ts";

const PATH = "/tmp/report";
const LISTEN = { host: "127.0.0.1", port: 7401 };
const SUSPECT = { task: "keystored", sinceNs: 5e9 };
const NOTHING = { port: undefined, suspect: undefined };

test("RunReport leaves the port and the suspect, and takes a suspicion back", () => {
  const files = memoryFiles();
  const report = new RunReport(files, PATH);
  deepEqual(readReport(files, PATH), NOTHING);
  report.listening(LISTEN);
  deepEqual(readReport(files, PATH), { port: 7401, suspect: undefined });
  report.suspect(SUSPECT);
  deepEqual(readReport(files, PATH), { port: 7401, suspect: SUSPECT });
  deepEqual(files.facts(PATH)?.mode, 0o600);
  report.suspect(undefined);
  deepEqual(readReport(files, PATH), { port: 7401, suspect: undefined });
});

test("RunReport writes nothing without a path, and outlives a full disk", () => {
  const files = memoryFiles();
  new RunReport(files, undefined).suspect(SUSPECT);
  deepEqual(files.paths(), []);
  const refuse = (error: Error) => () => {
    throw error;
  };
  new RunReport({ writeText: refuse(new FileFailure("no_space", PATH)) }, PATH).suspect(SUSPECT);
  const bug = new RunReport({ writeText: refuse(new TypeError("a bug")) }, PATH);
  throws(() => bug.suspect(SUSPECT), TypeError);
});

test("readReport takes what makes sense of a report, and nothing else", () => {
  const reports: readonly (readonly [string, object])[] = [
    ["", NOTHING],
    ["{", NOTHING],
    ["null", NOTHING],
    ["7", NOTHING],
    ["[]", NOTHING],
    ['{"port":0}', NOTHING],
    ['{"port":65536}', NOTHING],
    ['{"port":1.5}', NOTHING],
    ['{"port":"7401"}', NOTHING],
    ['{"suspect":null}', NOTHING],
    ['{"suspect":"rngd"}', NOTHING],
    ['{"suspect":{"task":"rngd"}}', NOTHING],
    ['{"suspect":{"task":7,"sinceNs":1}}', NOTHING],
    ['{"suspect":{"task":"rngd\\u001b[2J","sinceNs":1}}', NOTHING],
    ['{"suspect":{"task":"","sinceNs":1}}', NOTHING],
    [`{"suspect":{"task":"${"r".repeat(49)}","sinceNs":1}}`, NOTHING],
    ['{"suspect":{"task":"rngd","sinceNs":-1}}', NOTHING],
    ['{"suspect":{"task":"rngd","sinceNs":1e300}}', NOTHING],
    ['{"port":1,"suspect":{"task":"rngd","sinceNs":"1"}}', { port: 1, suspect: undefined }],
    [
      '{"port":-1,"suspect":{"task":"rngd","sinceNs":1,"more":[]},"more":{}}',
      { port: undefined, suspect: { task: "rngd", sinceNs: 1 } },
    ],
  ];
  for (const [text, facts] of reports) {
    const files = memoryFiles();
    files.put(PATH, { kind: "file", mode: 0o600, text });
    deepEqual([text, readReport(files, PATH)], [text, facts]);
  }
});

test("readReport reads no report that is too long, a link, or open to others", () => {
  const text = '{"port":7401}';
  for (
    const entry of [
      { kind: "file", mode: 0o600, text: text.padEnd(REPORT_LENGTH_MAX + 1) },
      { kind: "symlink", mode: 0o600, text },
      { kind: "file", mode: 0o644, text },
      { kind: "file", mode: 0o600, own: false, text },
    ] as const
  ) {
    const files = memoryFiles();
    files.put(PATH, entry);
    deepEqual(readReport(files, PATH), NOTHING);
  }
});

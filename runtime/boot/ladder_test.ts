import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { failureText, LadderJudge, type LadderMarker, type LadderOptions } from "./ladder.ts";

const ID = "0123456789abcdef".repeat(4);

function marker(
  line: string,
  phase: LadderMarker["phase"],
  role: LadderMarker["role"] = "required",
): LadderMarker {
  return { task: "atask", line, phase, role, proves: "a claim", evidence: [] };
}

const MANIFEST: readonly LadderMarker[] = [
  marker("logd: ready", "bring-up"),
  marker("init: ready", "bring-up"),
  marker("init: start <name>", "bring-up", "allowed"),
  marker("SELFTEST: net iface ok", "net"),
  marker("dsoftbusd: identity bound peer=<id>", "session"),
  marker("init: fault <name>", null, "failure"),
];
const ORDERS = [["logd: ready", "init: ready", "SELFTEST: net iface ok"]];
const HEALTHY = [
  "init: start logd",
  "logd: ready",
  "init: ready",
  "SELFTEST: net iface ok",
  `dsoftbusd: identity bound peer=${ID}`,
];

function judged(lines: readonly string[], options: LadderOptions = {}): LadderJudge {
  const judge = new LadderJudge(MANIFEST, ORDERS, options);
  for (const line of lines) judge.take(line);
  return judge;
}

function texts(lines: readonly string[], options: LadderOptions = {}): readonly string[] {
  return judged(lines, options).verdict().map(failureText);
}

test("LadderJudge is green once every required line came, in order", () => {
  deepEqual(texts(HEALTHY), []);
  equal(judged(HEALTHY).finished, true);
  equal(judged(HEALTHY.slice(0, -1)).finished, false);
  deepEqual(judged(HEALTHY.slice(0, 3)).progress, { seen: 2, required: 4 });
});

test("LadderJudge names the first missing line with its phase", () => {
  deepEqual(texts(HEALTHY.slice(0, 3)), [
    "first_failed_phase=net missing_marker='SELFTEST: net iface ok'",
  ]);
  deepEqual(texts([]), ["first_failed_phase=bring-up missing_marker='logd: ready'"]);
});

test("LadderJudge wants the order of a chain, and tells which line was late", () => {
  const [start = "", logd = "", init = "", ...rest] = HEALTHY;
  deepEqual(texts([start, init, logd, ...rest]), [
    "out of order: 'init: ready' came before 'logd: ready'",
  ]);
});

test("LadderJudge turns red at once for a failure, a forbidden and an undeclared line", () => {
  const bad: readonly (readonly [string, string])[] = [
    ["init: fault rngd", "failure marker 'init: fault rngd'"],
    ["SELFTEST: net iface FAIL", "forbidden marker 'SELFTEST: net iface FAIL'"],
    ["dsoftbusd: transport selected quic", "forbidden marker 'dsoftbusd: transport selected quic'"],
    ["SELFTEST: new thing ok", "undeclared marker 'SELFTEST: new thing ok'"],
  ];
  for (const [line, text] of bad) {
    equal(judged([line]).finished, true, line);
    deepEqual(texts([...HEALTHY, line]), [text]);
  }
});

test("LadderJudge takes whole lines alone: nothing before, behind or in another case", () => {
  const near = [
    " SELFTEST: net iface ok",
    "SELFTEST: net iface ok ",
    "SELFTEST: net iface ok (cached)",
    "note: SELFTEST: net iface ok",
    "SELFTEST: net iface OK",
  ];
  for (const line of near) {
    const lines = HEALTHY.map((each) => each === "SELFTEST: net iface ok" ? line : each);
    equal(judged(lines).progress.seen, 3, line);
    equal(judged(lines).verdict().length > 0, true, line);
  }
});

test("LadderJudge fills a placeholder with its own shape alone", () => {
  for (const id of [ID.slice(1), ID.toUpperCase(), `${ID}0`, "", "<id>"]) {
    const lines = [...HEALTHY.slice(0, -1), `dsoftbusd: identity bound peer=${id}`];
    equal(judged(lines).verdict().length > 0, true, id);
  }
});

test("LadderJudge lets other text pass: only lines of a marker's shape are judged", () => {
  deepEqual(texts(["", "a daemon wrote this", "Error: something", ...HEALTHY]), []);
});

test("LadderJudge of a phase asks for nothing behind it", () => {
  equal(judged(HEALTHY.slice(0, 3), { phase: "bring-up" }).finished, true);
  deepEqual(texts(HEALTHY.slice(0, 3), { phase: "bring-up" }), []);
  deepEqual(texts(HEALTHY.slice(0, 2), { phase: "net" }), [
    "first_failed_phase=bring-up missing_marker='init: ready'",
  ]);
  equal(judged(HEALTHY.slice(0, 4), { phase: "session" }).finished, false);
});

test("LadderJudge names the line that the console would show first, not the manifest's first", () => {
  const manifest = MANIFEST.toReversed();
  const first = (lines: readonly string[]) => {
    const judge = new LadderJudge(manifest, ORDERS);
    for (const line of lines) judge.take(line);
    return judge.verdict().map(failureText);
  };
  deepEqual(first([]), ["first_failed_phase=bring-up missing_marker='logd: ready'"]);
  deepEqual(first(HEALTHY.slice(0, 2)), [
    "first_failed_phase=bring-up missing_marker='init: ready'",
  ]);
});

const REFUSED = "init: fault rngd";
const ADMITTED = "init: start rngd";

/** A run in which rngd must fault and must not start. */
function expecting(lines: readonly string[]): LadderJudge {
  const judge = new LadderJudge(MANIFEST, ORDERS);
  judge.expect({ phase: "net", line: REFUSED, never: ADMITTED });
  for (const line of lines) judge.take(line);
  return judge;
}

test("LadderJudge wants an expected line, exactly so, although its shape is a failure's", () => {
  equal(expecting(HEALTHY).finished, false);
  deepEqual(expecting(HEALTHY).verdict().map(failureText), [
    `first_failed_phase=net missing_marker='${REFUSED}'`,
  ]);
  const judge = expecting([...HEALTHY, REFUSED]);
  deepEqual([judge.finished, judge.verdict(), judge.progress.required], [true, [], 5]);
  deepEqual(
    expecting(["init: fault logd"]).verdict().map(failureText)[0],
    [
      "failure marker 'init: fault logd'",
    ][0],
  );
});

test("LadderJudge is red at once for what an expectation rules out", () => {
  const judge = expecting([ADMITTED]);
  equal(judge.finished, true);
  deepEqual(judge.verdict()[0], { kind: "forbidden", line: ADMITTED });
});

test("LadderJudge is red once an expected line is due and has not come", () => {
  const judge = expecting(HEALTHY);
  judge.due(REFUSED);
  equal(judge.finished, true);
  deepEqual(judge.verdict().map(failureText), [
    `first_failed_phase=net missing_marker='${REFUSED}'`,
  ]);
  const come = expecting([REFUSED]);
  come.due(REFUSED);
  equal(come.finished, false);
});

test("LadderJudge waits no longer for a line to stop at when the ladder is at its end", () => {
  const until = "init: fault <name>";
  equal(judged(HEALTHY.slice(0, -1), { until }).finished, false);
  equal(judged(HEALTHY, { until }).finished, true);
  deepEqual(texts(HEALTHY, { until }), [`never came: '${until}'`]);
  equal(judged(HEALTHY.slice(0, 3), { until, phase: "bring-up" }).finished, false);
});

test("LadderJudge with a line to stop at is done there, and red until then", () => {
  const until = "dsoftbusd: identity bound peer=<id>";
  equal(judged(HEALTHY.slice(0, 4), { until }).finished, false);
  deepEqual(texts(HEALTHY.slice(0, 4), { until }), [`never came: '${until}'`]);
  const last = HEALTHY.slice(-1);
  equal(judged(last, { until }).finished, true);
  deepEqual(texts(last, { until }), []);
  deepEqual(texts(["init: fault rngd", ...last], { until }), ["failure marker 'init: fault rngd'"]);
});

/**
 * The ladder on two real machines, as `nx test-os` runs it: two identities over loopback TCP.
 *
 * @module
 */

import { failureText, LadderJudge } from "@runtime/boot/ladder.ts";
import { LADDER_MARKERS } from "@runtime/boot/phases/manifest.gen.ts";
import { LADDER_ORDERS } from "@runtime/boot/phases/orders.ts";
import { PHASES } from "@runtime/idl/marker.ts";
import type { MachineVerdict } from "@services/nx/ladder_run.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { climb } from "../fakes/node.ts";
import { test } from "../fakes/test.ts";

const MISMATCH = "dsoftbusd: identity mismatch peer=";
const BOUND = "dsoftbusd: identity bound peer=";

/** Last required line of each phase. Source: the issue's list of markers and the seeds' own. */
const LAST_OF_PHASE: Readonly<Record<string, string>> = {
  "bring-up": "init: ready",
  "mmio": "SELFTEST: cap query vmo ok",
  "routing": "SELFTEST: samgrd v1 malformed ok",
  "policy": "SELFTEST: policy malformed ok",
  "logd": "SELFTEST: logd hardening rejects ok",
  "entropy": "SELFTEST: device key private export rejected ok",
  "state": "SELFTEST: device key persist ok",
  "keystore": "SELFTEST: keystore v1.1 deny ok",
  "net": "SELFTEST: netstackd foreign handle rejected ok",
  "session": "SELFTEST: dsoftbus peer judged ok",
  "end": "SELFTEST: end",
};

/** Lines that the seeds fix. */
const SEEDS = [
  "rngd: ready",
  "SELFTEST: rng entropy ok",
  "SELFTEST: device key pubkey ok",
  "dsoftbusd: auth ok",
  "SELFTEST: dsoftbus os connect ok",
  "SELFTEST: dsoftbus ping ok",
];

function texts({ failures }: MachineVerdict): readonly string[] {
  return failures.map(failureText);
}

function bound({ lines }: MachineVerdict): string {
  return lines.find((line) => line.startsWith(BOUND))?.slice(BOUND.length) ?? "";
}

test("test-os is green on two machines whose identities differ, each bound to the other", async () => {
  const { outcome, machines, bootError } = await climb();
  for (const machine of machines) deepEqual(texts(machine), []);
  equal(bootError, undefined);
  equal(outcome, "passed");
  const [first, second] = machines;
  ok(first !== undefined && second !== undefined);
  ok(bound(first) !== bound(second), "two identities");
  for (const { lines, seen, required } of machines) {
    equal(seen, required);
    for (const line of SEEDS) ok(lines.includes(line), line);
    ok(lines.includes("SELFTEST: end"));
  }
});

test("test-os with RUN_PHASE stops at the phase's last required line, on both machines", async () => {
  for (const phase of PHASES) {
    const { outcome, machines } = await climb({ phase });
    equal(outcome, "passed", phase);
    const last = LAST_OF_PHASE[phase] ?? "";
    for (const { lines } of machines) ok(lines.includes(last), `${phase}: ${last}`);
  }
});

test("test-os with RUN_PHASE=bring-up does not wait for the phases behind it", async () => {
  const { outcome, machines } = await climb({ phase: "bring-up" });
  equal(outcome, "passed");
  ok(machines.some(({ lines }) => !lines.includes("SELFTEST: end")));
});

test("test-os with a line to stop at stops there", async () => {
  for (const until of ["rngd: ready", `${MISMATCH}<id>`]) {
    const { outcome, machines } = await climb({ until });
    equal(outcome, "passed", machines.flatMap(texts).join("\n"));
    const stem = until.replace("<id>", "");
    for (const { lines } of machines) ok(lines.some((line) => line.startsWith(stem)));
  }
});

test("test-os never passes when its time is up", async () => {
  const late = await climb({ timeoutMs: 1 });
  equal(late.outcome, "timed_out");
  for (const { lines, failures } of late.machines) {
    const next = "logd: ready";
    const told = { kind: "missing", phase: "bring-up", line: next };
    if (!lines.includes(next)) deepEqual(failures, [told]);
  }
});

test("test-os with a line to stop at that does not come has failed when the ladder is at its end", async () => {
  for (const until of ["SELFTEST: rng entropy FAIL", `${BOUND}${"0".repeat(64)}`]) {
    const { outcome, machines } = await climb({ until });
    equal(outcome, "failed");
    deepEqual(machines.map(texts), [[`never came: '${until}'`], [`never came: '${until}'`]]);
    ok(machines.some(({ lines }) => lines.includes("SELFTEST: end")));
  }
});

test("test-os has both machines refuse two strangers, by name and for good", async () => {
  const { machines } = await climb();
  const refusals = machines.map(({ lines }) =>
    lines.filter((line) => line.startsWith(MISMATCH)).map((line) => line.slice(MISMATCH.length))
  );
  const [first = [], second = []] = refusals.map((ids) => ids.toSorted());
  equal(first.length, 2);
  deepEqual(first, second);
  for (const { lines } of machines) {
    for (const id of first) ok(!lines.includes(`${BOUND}${id}`));
    equal(lines.filter((line) => line === "dsoftbusd: auth ok").length, 1);
  }
});

test("test-os that is interrupted has failed", async () => {
  const { outcome } = await climb({ interrupted: Promise.resolve() });
  equal(outcome, "failed");
});

test("LadderJudge turns a real console red for each required line that is taken out", async () => {
  const { machines } = await climb({ strangers: undefined });
  const [machine] = machines;
  ok(machine !== undefined);
  const judge = (lines: readonly string[]) => {
    const judge = new LadderJudge(LADDER_MARKERS, LADDER_ORDERS);
    for (const line of lines) judge.take(line);
    return judge.verdict().map(failureText);
  };
  deepEqual(judge(machine.lines), []);
  const required = LADDER_MARKERS.filter(({ role, phase }) =>
    role === "required" && phase !== null
  );
  equal(required.length, machine.required);
  for (const { line, phase } of required) {
    const [stem = line] = line.split("<");
    const without = machine.lines.filter((each) => !each.startsWith(stem));
    const missing = `first_failed_phase=${phase} missing_marker='${line}'`;
    ok(judge(without).includes(missing), line);
  }
});

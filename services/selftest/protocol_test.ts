import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { failureKey, PROBES, selftest } from "./protocol.ts";

/** Literal lines that the seeds and upstream's manifest fix. Source: seeds 002 and 004; daemon-wire 5.3. */
const FIXED: readonly string[] = [
  "SELFTEST: rng entropy ok",
  "SELFTEST: rng entropy oversized ok",
  "SELFTEST: device key pubkey ok",
  "SELFTEST: device key private export rejected ok",
  "SELFTEST: policy allow ok",
  "SELFTEST: policy deny ok",
  "SELFTEST: mmio policy deny ok",
  "SELFTEST: policy allow audit ok",
  "SELFTEST: policy deny audit ok",
  "SELFTEST: keystored sign denied ok",
  "SELFTEST: policyd requester spoof denied ok",
  "SELFTEST: policy malformed ok",
  "SELFTEST: logd hardening rejects ok",
  "SELFTEST: log query ok",
  "SELFTEST: ipc payload roundtrip ok",
  "SELFTEST: ipc deadline timeout ok",
  "SELFTEST: ipc cap move reply ok",
  "SELFTEST: ipc sender service_id ok",
  "SELFTEST: ipc soak ok",
  "SELFTEST: cap query vmo ok",
  "SELFTEST: net iface ok",
  "SELFTEST: net ping ok",
  "SELFTEST: icmp ping ok",
  "SELFTEST: net tcp listen ok",
  "SELFTEST: dsoftbus os connect ok",
  "SELFTEST: dsoftbus ping ok",
  "SELFTEST: remote resolve ok",
  "SELFTEST: end",
];

const { markers } = selftest;

test("selftest declares the lines that the seeds and upstream fix, and requires each", () => {
  const required = Object.values(markers).filter(({ role }) => role === "required")
    .map(({ line }) => line);
  for (const line of FIXED) ok(required.includes(line), line);
});

test("selftest pairs each probe's ok with a FAIL of the same line and phase", () => {
  for (const [key, probe] of Object.entries(PROBES)) {
    const { line, phase } = probe;
    const verdict = "verdict" in probe ? probe.verdict : " ok";
    const passed = markers[key];
    const failed = markers[failureKey(key)];
    deepEqual([passed?.line, failed?.line], [`${line}${verdict}`, `${line} FAIL`]);
    deepEqual([passed?.role, failed?.role], ["role" in probe ? probe.role : "required", "failure"]);
    deepEqual([passed?.phase, failed?.phase], [phase, phase]);
  }
});

test("selftest prints no line without evidence", () => {
  for (const { line, evidence } of Object.values(markers)) ok(evidence.length > 0, line);
});

test("selftest serves nothing", () => {
  equal(Object.keys(selftest.ops).length, 0);
});

import type { Evidence } from "@runtime/boot/component.ts";
import { deepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { decisionWith, newestDecision } from "./audit.ts";
import type { Probe, ProbePorts, Probes } from "./probe.ts";
import { failureKey, PROBES, selftest } from "./protocol.ts";
import { ALL_PROBES, runSelftest } from "./service.ts";

/** Probes that get no daemon: the ports are never looked at. */
const NO_PORTS = {} as ProbePorts;

interface Declared {
  readonly line: string;
  readonly verdict?: string;
  readonly role?: string;
}

interface Printed {
  readonly key: string;
  readonly evidence: Readonly<Record<string, Evidence>>;
}

async function run(probes: Probes): Promise<readonly Printed[]> {
  const printed: Printed[] = [];
  await runSelftest(NO_PORTS, (key, evidence) => printed.push({ key, evidence }), probes);
  return printed;
}

const shows = (evidence: Readonly<Record<string, Evidence>>): Probe => () =>
  Promise.resolve(evidence);
const fails: Probe = () => Promise.resolve(undefined);

test("runSelftest prints each probe with what it showed, and the end with their number", async () => {
  deepEqual(await run({ vmoMap: shows({ bytes: 4 }), connect: shows({ peer: "ab" }) }), [
    { key: "vmoMap", evidence: { bytes: 4 } },
    { key: "connect", evidence: { peer: "ab" } },
    { key: "end", evidence: { probes: 2 } },
  ]);
});

test("runSelftest goes on behind a probe that failed, and does not come to its end", async () => {
  deepEqual(await run({ vmoMap: fails, connect: shows({ peer: "ab" }) }), [
    { key: "vmoMapFailed", evidence: { probe: "vmoMap" } },
    { key: "connect", evidence: { peer: "ab" } },
  ]);
});

test("runSelftest says nothing of what a node has nothing of", async () => {
  const absent: Probe = () => Promise.resolve("absent");
  deepEqual(await run({ coldPersist: absent, vmoMap: shows({ bytes: 4 }) }), [
    { key: "vmoMap", evidence: { bytes: 4 } },
    { key: "end", evidence: { probes: 1 } },
  ]);
});

test("PROBES are those that run, in the same order, each with a line for its failure", () => {
  deepEqual(Object.keys(ALL_PROBES), Object.keys(PROBES));
  const markers: Readonly<Record<string, { readonly line: string; readonly role: string }>> =
    selftest.markers;
  for (const [key, probe] of Object.entries<Declared>(PROBES)) {
    const { line, verdict = " ok", role = "required" } = probe;
    deepEqual([markers[key]?.line, markers[key]?.role], [`${line}${verdict}`, role]);
    const failure = markers[failureKey(key)];
    deepEqual([failure?.line, failure?.role], [`${line} FAIL`, "failure"]);
  }
});

interface Decided {
  readonly sender: string;
  readonly message: string;
  readonly fields: string;
}

/** A logd that holds these decisions, two of them on each page. */
function auditOf(records: readonly Decided[]): Pick<ProbePorts, "logQuery"> {
  const queryAfter = ({ afterId }: { readonly afterId: bigint }) => {
    const from = Number(afterId);
    const page = records.slice(from, from + 2).map((record, index) => ({
      ...record,
      recordId: BigInt(from + index + 1),
    }));
    return Promise.resolve({ status: "ok", lastId: BigInt(from + page.length), records: page });
  };
  return { logQuery: { queryAfter } } as unknown as Pick<ProbePorts, "logQuery">;
}

const ALLOWED: Decided = {
  sender: "policyd",
  message: "audit v1 op=check_cap decision=allow subject=a",
  fields: "capability=rng.entropy\n",
};
const PARTS = ["decision=allow", "subject=a", "capability=rng.entropy"];

test("decisionWith finds a record on any page, by whole words alone", async () => {
  const other = { ...ALLOWED, message: "audit v1 op=check_cap decision=allow subject=ab" };
  const ports = auditOf([other, other, other, ALLOWED]);
  deepEqual(await decisionWith(ports, PARTS), 4);
  deepEqual(await decisionWith(auditOf([other, other, other]), PARTS), undefined);
});

test("decisionWith takes nobody's word but policyd's, and nothing from before", async () => {
  const forged = auditOf([{ ...ALLOWED, sender: "someone" }]);
  deepEqual(await decisionWith(forged, PARTS), undefined);
  deepEqual(await decisionWith(auditOf([ALLOWED]), PARTS, 1n), undefined);
});

test("newestDecision is the last of all pages", async () => {
  deepEqual(await newestDecision(auditOf([ALLOWED, ALLOWED, ALLOWED])), 3n);
  deepEqual(await newestDecision(auditOf([])), 0n);
});

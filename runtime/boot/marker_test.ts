import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { bareMachine } from "@tests/fakes/machine.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import { filledMarker, type MarkerDeclaration, markerPattern } from "../idl/marker.ts";
import type { Evidence } from "./component.ts";
import { MarkerPrinter, type ProvenMarker } from "./marker.ts";

const ID = "ab".repeat(32);

function marker(line: string, evidence: readonly string[]): MarkerDeclaration {
  return { line, phase: null, role: "allowed", proves: "it", evidence };
}

function printer() {
  const machine = bareMachine();
  const observed: ProvenMarker[] = [];
  const own = new MarkerPrinter(machine.uart, () => 7, (proven) => observed.push(proven));
  return { own, lines: machine.lines, observed };
}

function proves(declaration: MarkerDeclaration, evidence: Readonly<Record<string, Evidence>>) {
  const { own, lines, observed } = printer();
  own.prove("testd", declaration, evidence);
  return { lines, observed };
}

test("MarkerPrinter prints a line with its evidence and tells who proved it when", () => {
  const { lines, observed } = proves(marker("testd: ok", ["count"]), { count: 1 });
  deepEqual(lines, ["testd: ok"]);
  deepEqual(observed, [{ line: "testd: ok", task: "testd", atNs: 7 }]);
});

test("MarkerPrinter takes counts, texts and bytes that show something", () => {
  for (const evidence of [1, 0.5, "x", Uint8Array.of(0, 1)]) {
    deepEqual(proves(marker("testd: ok", ["shown"]), { shown: evidence }).lines, ["testd: ok"]);
  }
});

test("MarkerPrinter prints nothing without evidence: it is a bug to ask", () => {
  const nothing = [0, -1, NaN, Infinity, "", new Uint8Array(0), new Uint8Array(32)];
  for (const evidence of nothing) {
    const { own, lines, observed } = printer();
    const declaration = marker("testd: ok", ["first", "shown"]);
    throws(() => own.prove("testd", declaration, { first: 1, shown: evidence }), InvariantError);
    throws(() => own.prove("testd", declaration, { first: 1 }), InvariantError);
    deepEqual([lines, observed], [[], []]);
  }
});

test("MarkerPrinter fills placeholders with evidence of their shape, or prints nothing", () => {
  const declaration = marker("testd: bound peer=<id> from <ip>", ["id", "ip"]);
  const line = `testd: bound peer=${ID} from 10.0.2.2`;
  deepEqual(proves(declaration, { id: ID, ip: "10.0.2.2" }).lines, [line]);
  const wrong: readonly Readonly<Record<string, Evidence>>[] = [
    { id: ID.slice(2), ip: "10.0.2.2" },
    { id: ID, ip: "10.0.2" },
    { id: `${ID}\ntestd: forged`, ip: "10.0.2.2" },
    { id: ID, ip: "10.0.2.2 and more" },
    { id: Uint8Array.of(1), ip: "10.0.2.2" },
  ];
  for (const evidence of wrong) {
    const { own, lines } = printer();
    throws(() => own.prove("testd", declaration, evidence), InvariantError);
    deepEqual(lines, []);
  }
});

test("filledMarker takes counts and names by their shape", () => {
  equal(filledMarker("init: up <name>", { name: "rngd" }), "init: up rngd");
  equal(filledMarker("init: up <name>", { name: "Rngd" }), undefined);
  equal(filledMarker("init: up <name>", {}), undefined);
  equal(filledMarker("saw <count> of <count>", { count: 3 }), "saw 3 of 3");
  equal(filledMarker("saw <count>", { count: 1.5 }), undefined);
});

test("markerPattern reads everything else as it stands", () => {
  equal(markerPattern("a.b (udp+tcp) [x] $").test("a.b (udp+tcp) [x] $"), true);
  equal(markerPattern("a.b").test("axb"), false);
  equal(markerPattern("a <other>").test("a <other>"), true);
  equal(markerPattern("a <other>").test("a b"), false);
});

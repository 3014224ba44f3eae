import type { Outcome, Sandbox } from "@runtime/core/sandbox_ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { nxWorld } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";
import { sandboxTrials } from "./sandbox_attempts.ts";
import { SANDBOX_PROFILES, type SandboxProfile } from "./sandbox_profiles.ts";

const PLACE = {
  peer: { host: "127.0.0.1", port: 1 },
  stranger: { host: "127.0.0.1", port: 2 },
  ...{ runtime: "/r", state: "/s", outside: "/o", source: undefined },
};

/** `nx sandbox` over threads that do as they must, but for one attempt of one profile. */
async function sandbox(
  profile: SandboxProfile,
  wrong: { readonly at: number; readonly result: Outcome["result"] } | undefined,
) {
  const must = sandboxTrials(profile, PLACE).map((trial) => trial.must);
  const results = must.map((each) => each === "work" ? "done" : "refused");
  let closed = 0;
  const threads: Sandbox = {
    permissionsOf: () => ({ net: ["a"], read: [], write: [], env: [], sys: [], run: [] }),
    tried: (_, attempts) =>
      Promise.resolve(attempts.map((_, index) => ({
        result: index === wrong?.at ? wrong.result : results[index] ?? "failed",
        detail: "",
      }))),
    peer: () =>
      Promise.resolve({ address: PLACE.peer, close: () => Promise.resolve(void closed++) }),
    source: undefined,
  };
  const world = nxWorld({ sandbox: threads });
  const code = await runNx(["sandbox", "--profile", profile, "--json"], world.ports);
  const lines = world.out().trim().split("\n").map((line) => JSON.parse(line));
  deepEqual([closed, world.files.paths()], [2, []]);
  return { code, lines, must };
}

test("nx sandbox ends with 1 for any attempt that went otherwise than it must", async () => {
  for (const profile of SANDBOX_PROFILES) {
    const right = await sandbox(profile, undefined);
    deepEqual([right.code, right.lines.at(-1)], [EXIT.ok, {
      event: "verdict",
      ok: true,
      wrong: 0,
    }]);
    for (const [at, must] of right.must.entries()) {
      const others = must === "work" ? ["refused", "failed"] as const : ["done", "failed"] as const;
      for (const result of others) {
        const { code, lines } = await sandbox(profile, { at, result });
        equal(code, EXIT.failed);
        deepEqual(lines.filter((line) => line.event === "attempt" && !line.ok).length, 1);
        deepEqual(lines.at(-1), { event: "verdict", ok: false, wrong: 1 });
      }
    }
  }
});

test("nx sandbox tries every kind under every profile, and each profile's own limits", () => {
  const musts = (profile: SandboxProfile, what: string, on: unknown) =>
    sandboxTrials(profile, PLACE)
      .filter(({ attempt }) =>
        attempt.what === what && JSON.stringify(attempt.on) === JSON.stringify(on)
      )
      .map(({ must }) => must);
  for (const profile of SANDBOX_PROFILES) {
    const kinds = new Set(
      sandboxTrials(profile, PLACE).filter(({ must }) => must === "refuse")
        .map(({ attempt }) => attempt.what),
    );
    for (
      const kind of ["dial", "listen", "look up", "read", "write", "link", "env", "sys"] as const
    ) {
      ok(kinds.has(kind), `${profile} ${kind}`);
    }
    for (const kind of ["run", "ffi", "import", "worker"] as const) ok(kinds.has(kind));
  }
  const everywhere = { host: "0.0.0.0", port: 0 };
  deepEqual(musts("offline", "dial", PLACE.peer), ["refuse"]);
  deepEqual(musts("loopback", "dial", PLACE.peer), ["work"]);
  deepEqual(musts("loopback", "listen", everywhere), ["refuse"]);
  deepEqual(musts("lan", "listen", everywhere), ["refuse"]);
  deepEqual(musts("read-only", "write", "/r/new"), ["refuse"]);
  deepEqual(musts("no-state", "read", "/s/there"), ["refuse"]);
  deepEqual(musts("loopback", "read", "/s/there"), ["work"]);
});

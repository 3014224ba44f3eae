import { type Command, Option } from "commander";
import { FileFailure, type Files } from "@runtime/core/program_ports.ts";
import {
  type Attempt,
  type Outcome,
  PERMISSION_KINDS,
  type PermissionSet,
} from "@runtime/core/sandbox_ports.ts";
import { hostPortText } from "./address.ts";
import { EXIT } from "./exit_code.ts";
import { table } from "./output.ts";
import { sandboxReach, sandboxTrials, type Trial, type TrialPlace } from "./sandbox_attempts.ts";
import { SANDBOX_PROFILES, SANDBOX_RULES, type SandboxProfile } from "./sandbox_profiles.ts";
import type { Shell } from "./shell.ts";

const FOLDER_PREFIX = "nx-sandbox-";
const FILE_MODE = 0o600;
const EXAMPLES = `
For each profile of nx up --sandbox a thread is made with exactly the permissions of such a node, and
tries what the node needs and what it must never get. No packet leaves this host. What is refused is
refused by the runtime, before anything happens.

Exit code 1 when something that must be refused was not, or something that must work did not.

Examples:
  nx sandbox
  nx sandbox --profile loopback --json
`;

interface SandboxOptions {
  readonly profile?: SandboxProfile;
  readonly json?: true;
}

/** `nx sandbox`: what a node may do, and what happens when it tries more. */
export function addSandbox(program: Command, shell: Shell): void {
  program.command("sandbox")
    .description("try what a node may not do, under each profile of its permissions")
    .addOption(new Option("--profile <name>", "one profile alone").choices(SANDBOX_PROFILES))
    .option("--json", "one JSON object a line: permissions, attempts and a verdict")
    .addHelpText("after", EXAMPLES)
    .action((options: SandboxOptions) => sandbox(shell, options));
}

/** A trial and how it went. */
interface Tried extends Trial {
  readonly outcome: Outcome;
  readonly ok: boolean;
}

async function sandbox(shell: Shell, { profile, json }: SandboxOptions): Promise<void> {
  const { files, sandbox: threads } = shell.ports;
  const folder = files.temporaryFolder(FOLDER_PREFIX);
  const peers = [await threads.peer(), await threads.peer()] as const;
  const [{ address: peer }, { address: stranger }] = peers;
  let wrong = 0;
  try {
    for (const name of profile === undefined ? SANDBOX_PROFILES : [profile]) {
      const place = placeIn(files, `${folder}/${name}`, { peer, stranger, source: threads.source });
      const reach = sandboxReach(name, place);
      const trials = sandboxTrials(name, place);
      const outcomes = await threads.tried(reach, trials.map(({ attempt }) => attempt));
      const tried = trials.map((trial, index) => judged(trial, outcomes[index]));
      wrong += tried.filter(({ ok }) => !ok).length;
      const permissions = threads.permissionsOf(reach);
      tell(shell, { name, folder: `${folder}/${name}/`, permissions, tried, json: json === true });
    }
  } finally {
    await Promise.all(peers.map((each) => each.close()));
    removeAll(files, folder);
  }
  if (json) shell.output.json({ event: "verdict", ok: wrong === 0, wrong });
  else shell.output.line(wrong === 0 ? "all as it must be" : `${wrong} not as they must be`);
  shell.finish(wrong === 0 ? EXIT.ok : EXIT.failed);
}

/** Folders that a node has and one that it has not, with a file in each. */
function placeIn(
  files: Files,
  folder: string,
  rest: Pick<TrialPlace, "peer" | "stranger" | "source">,
): TrialPlace {
  files.makePrivateFolder(folder);
  const [runtime, state, outside] = ["runtime", "state", "outside"].map((name) => {
    const path = `${folder}/${name}`;
    files.makePrivateFolder(path);
    files.writeText(`${path}/there`, "", FILE_MODE);
    return path;
  }) as [string, string, string];
  return { runtime, state, outside, ...rest };
}

function judged(trial: Trial, outcome: Outcome | undefined): Tried {
  const went = outcome ?? { result: "failed", detail: "not tried" };
  const wanted = trial.must === "work" ? "done" : "refused";
  return { ...trial, outcome: went, ok: went.result === wanted };
}

interface Told {
  readonly name: SandboxProfile;
  /** What its paths begin with, which says nothing to a person. */
  readonly folder: string;
  readonly permissions: PermissionSet;
  readonly tried: readonly Tried[];
  readonly json: boolean;
}

function tell({ output }: Shell, { name, folder, permissions, tried, json }: Told): void {
  if (json) {
    output.json({ event: "profile", profile: name, ...permissions, ffi: [] });
    for (const { attempt, must, outcome, ok } of tried) {
      const on = placeText(attempt);
      output.json({
        event: "attempt",
        profile: name,
        what: attempt.what,
        on,
        must,
        ...outcome,
        ok,
      });
    }
    return;
  }
  const short = (text: string) => text.replaceAll(folder, "");
  output.line(`${name}: a node that ${SANDBOX_RULES[name].text}`);
  for (const kind of PERMISSION_KINDS) {
    output.line(`  ${kind.padEnd(5)}  ${short(permissions[kind].join(" ")) || "nothing"}`);
  }
  output.line("  ffi    nothing");
  const rows = tried.map(({ attempt, must, outcome, ok }) => [
    ...[ok ? "ok" : "WRONG", attempt.what, short(placeText(attempt)), must, outcome.result],
    short(outcome.detail),
  ]);
  for (const line of table(["", "TRIED", "ON", "MUST", "WENT", "SAID"], rows)) {
    output.line(`  ${line}`);
  }
  output.line("");
}

function placeText({ on }: Attempt): string {
  return typeof on === "string" ? on : hostPortText(on);
}

function removeAll(files: Files, path: string): void {
  try {
    if (files.facts(path)?.kind === "folder") {
      for (const name of files.list(path)) removeAll(files, `${path}/${name}`);
    }
    files.remove(path);
  } catch (error) {
    // It lies among the host's temporary files; the verdict matters more.
    if (!(error instanceof FileFailure)) throw error;
  }
}

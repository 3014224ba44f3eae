import { type Command, InvalidArgumentError, Option } from "commander";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { RING } from "../logd/protocol.ts";
import { type ChainFault, type ChainReport, faultText } from "../statefsd/client/chain_fault.ts";
import { nameOfRing } from "../statefsd/client/log_segment.ts";
import { verifyChain } from "../statefsd/client/verify_chain.ts";
import { verifyExport } from "../statefsd/client/verify_export.ts";
import { EXIT } from "./exit_code.ts";
import { type KeptLogClient, readKeptLog } from "./kept_log.ts";
import { okReply, type Shell, withNodeOptions } from "./shell.ts";
import { withPassphraseOption } from "./state_options.ts";
import { askNodeOrState, type StoredChoice } from "./stored_node.ts";

/** Longest file that is verified, in bytes: many times what a ring keeps. */
const FILE_LENGTH_MAX = 64 * 1024 * 1024;
const KEY = /^[0-9a-f]{64}$/;
const EXAMPLES = `
A log holds when every record carries the hash of the one before and the device has signed the end.
What is wrong is named, one line each, and the exit code is 1. Records behind the newest signature are
counted: whoever holds the disk can cut them off unseen.

A file is one of nx log export. Without --key anybody's signature counts in it, and is named.

Examples:
  nx log verify
  nx log verify --node 7402 --json
  nx log verify --state ./node-a            also of a node that does not run
  nx log verify --in journal.jsonl --key PUBLIC_KEY
`;

interface VerifyOptions extends StoredChoice {
  readonly in?: string;
  readonly key?: Uint8Array;
}

/** What was found about one ring. */
interface Verdict {
  readonly ring: string;
  readonly report: Omit<ChainReport, "faults">;
  readonly faults: readonly { readonly fault: ChainFault; readonly line?: number }[];
}

/** `nx log verify`: whether anybody tampered with a log. */
export function addLogVerify(log: Command, shell: Shell): void {
  withPassphraseOption(withNodeOptions(log.command("verify")))
    .description("say whether a kept log was tampered with, and name the record")
    .addOption(
      new Option("--in <file>", "a file of nx log export, in the place of a node")
        .conflicts(["node", "state"]),
    )
    .option("--key <hex>", "public key of the device that must have signed; see nx id", keyOption)
    .addHelpText("after", EXAMPLES)
    .action((options: VerifyOptions) => verify(shell, options));
}

async function verify(shell: Shell, options: VerifyOptions): Promise<void> {
  const verdicts = options.in === undefined
    ? await ofNode(shell, options)
    : [ofFile(shell, options.in, options.key)];
  for (const verdict of verdicts) {
    if (options.json) shell.output.json(factsOf(verdict));
    else linesOf(verdict).forEach(shell.output.line);
  }
  const sound = verdicts.every(({ faults }) => faults.length === 0);
  shell.finish(sound ? EXIT.ok : EXIT.failed);
}

/** Both rings of a node, against its own key unless told otherwise. */
function ofNode(shell: Shell, options: VerifyOptions): Promise<readonly Verdict[]> {
  return askNodeOrState(shell, options, {
    async running(client) {
      const own = okReply(await client.identity({}), "id").verifyingKey.slice();
      return await bothRings(client, options.key ?? own);
    },
    stored: (node) => bothRings(node, options.key ?? node.identity?.verifyingKey),
  });
}

async function bothRings(
  client: KeptLogClient,
  key: Uint8Array | undefined,
): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const ring of Object.values(RING)) {
    const { faults, ...report } = verifyChain(await readKeptLog(client, ring), key);
    verdicts.push({ ring: nameOfRing(ring), report, faults: faults.map((fault) => ({ fault })) });
  }
  return verdicts;
}

function ofFile({ ports }: Shell, path: string, key: Uint8Array | undefined): Verdict {
  const text = ports.files.readText(path, FILE_LENGTH_MAX);
  const { ring, faults, ...report } = verifyExport(text, key);
  return { ring: ring === undefined ? "log" : nameOfRing(ring), report, faults };
}

function linesOf({ ring, report, faults }: Verdict): readonly string[] {
  const { first, last, signedTo, signer, unsignedCount, entries } = report;
  const wrong = faults.map(({ fault, line }) =>
    `${ring}: ${line === undefined ? "" : `line ${line}: `}${faultText(fault)}`
  );
  if (entries === 0) return faults.length === 0 ? [`${ring}: no records`] : wrong;
  const signed = signer === undefined
    ? "nothing signed"
    : `signed up to ${signedTo} by ${toHex(signer)}`;
  const unsigned = unsignedCount === 0n ? "" : `, ${unsignedCount} behind that not signed`;
  const holds = faults.length === 0 ? "hold" : "do not hold";
  return [...wrong, `${ring}: records ${first} to ${last} ${holds}, ${signed}${unsigned}`];
}

function factsOf({ ring, report, faults }: Verdict) {
  const { signer, ...counted } = report;
  return {
    ring,
    ...counted,
    signer: signer === undefined ? null : toHex(signer),
    holds: faults.length === 0,
    faults: faults.map(({ fault, line }) => ({ ...fault, line, text: faultText(fault) })),
  };
}

function keyOption(text: string): Uint8Array {
  if (!KEY.test(text)) throw new InvalidArgumentError("It is not a key of 64 hex digits.");
  return fromHex(text);
}

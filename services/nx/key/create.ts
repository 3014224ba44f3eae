import { type Command, Option } from "commander";
import {
  ALGORITHM_NAMES,
  type AlgorithmName,
  ALGORITHMS,
  type KeyUse,
} from "../../keystored/client/algorithm.ts";
import { CommandFailure, EXIT } from "../exit_code.ts";
import type { Moment } from "../moment.ts";
import { type NodeChoice, type Shell, withNodeOptions } from "../shell.ts";
import { factsOfKey, linesOfKey } from "./key_lines.ts";
import { appArgument, askKeys, purposeArgument } from "./key_shell.ts";
import { countOption, endOption, labelOption, unixMsOf, usesOption } from "./options.ts";

const EXAMPLES = `
An application has one key for a purpose. What is not said of uses is all that the algorithm has:
ed25519 signs, xchacha20-poly1305 seals for itself (decrypt), x25519 agrees and opens what others
sealed to it (agree, decrypt), hkdf-sha256 derives.

Examples:
  nx key create mail letters
  nx key create mail drafts --algorithm xchacha20-poly1305 --label "drafts on this device"
  nx key create build release --expires 90d --max-uses 1000
  nx key create mail inbox --algorithm x25519 --use decrypt
`;

interface CreateOptions extends NodeChoice {
  readonly algorithm: AlgorithmName;
  readonly use?: readonly KeyUse[];
  readonly label?: string;
  readonly expires?: Moment;
  readonly maxUses?: bigint;
}

/** `nx key create`: makes a key. */
export function addKeyCreate(key: Command, shell: Shell): void {
  withNodeOptions(key.command("create"))
    .description("make a key, which never leaves the node")
    .argument("<app>", "the application whose key it is to be", appArgument)
    .argument("<purpose>", "what it is for", purposeArgument)
    .addOption(
      new Option("--algorithm <name>", "what kind of key").choices(ALGORITHM_NAMES)
        .default("ed25519"),
    )
    .option("--use <uses>", "sign, decrypt, agree, derive; commas between several", usesOption)
    .option("--label <text>", "what people call it, up to 64 bytes", labelOption)
    .option(
      "--expires <duration|time>",
      "when it stops to sign and to seal: 90d, or an ISO 8601 time",
      endOption,
    )
    .option("--max-uses <n>", "how often its secret may be used", countOption)
    .addHelpText("after", EXAMPLES)
    .action((app: string, purpose: string, options: CreateOptions) =>
      create(shell, { app, purpose }, options)
    );
}

async function create(
  shell: Shell,
  place: { readonly app: string; readonly purpose: string },
  { algorithm, use, label = "", expires, maxUses, ...choice }: CreateOptions,
): Promise<void> {
  const { uses } = ALGORITHMS[algorithm];
  if (use?.some((each) => !uses.includes(each))) {
    throw new CommandFailure(EXIT.usage, `keys of ${algorithm} are for ${uses.join(", ")} alone`);
  }
  const wish = {
    ...{ ...place, algorithm, label },
    ...use && { uses: use },
    ...expires && { expiresMs: unixMsOf(expires, shell.ports.clock.unixMs()) },
    ...maxUses !== undefined && { maxUses },
  };
  const asked = { app: place.app, key: place.purpose };
  const info = await askKeys(shell, choice, asked, (keys) => keys.create(wish));
  if (choice.json) shell.output.json(factsOfKey(info));
  else linesOfKey(info).forEach(shell.output.line);
  shell.finish(EXIT.ok);
}

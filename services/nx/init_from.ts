/**
 * What `nx init --from` says of the image whose values it took over.
 *
 * @module
 */

import type { Imported, ImportReport } from "../statefsd/client/import_state.ts";
import type { LeftOut } from "../statefsd/client/upstream_image.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { printable } from "./output.ts";
import { sizeText } from "./state_options.ts";

/** Values that a refusal names; of more it tells their number. */
const NAMED_MAX = 5;

const REASONS: Readonly<Record<LeftOut["reason"], string>> = {
  "bad_mac": "its MAC is not that of the image's device key",
  "bad_name": "its name is none here",
  "device_key": "the device key: this node draws its own",
  malformed: "its envelope is none",
  "no_device_key": "the image holds no device key to open it with",
  "no_mac": "it bears no MAC, and must",
  "no_salt": "the image holds no salt to open it with",
  own: "a node's own",
  "rolled_back": "it is older than one before it",
  "seal_broken": "its seal does not open",
  "too_long": "sealed here it would be too long",
};

/** What was made. @throws {CommandFailure} for what could not be, with what to do. */
export function importedOr(
  imported: Imported,
  from: string,
): Extract<Imported, { readonly status: "ok" }> {
  if (imported.status === "ok") return imported;
  if (imported.status === "too_small") {
    const size = sizeText(imported.sectorsMin).replace(" ", "");
    throw new CommandFailure(
      EXIT.failed,
      `${from} holds more than fits: use --size ${size} or more; nothing was made`,
    );
  }
  const { values } = imported;
  const named = values.slice(0, NAMED_MAX).map(textOf);
  const more = values.length > NAMED_MAX ? [`and ${values.length - NAMED_MAX} more`] : [];
  throw new CommandFailure(
    EXIT.failed,
    `${from} holds values that cannot be taken over: ${[...named, ...more].join("; ")}. ` +
      "Nothing was made; --skip-unreadable leaves them out",
  );
}

/** For programs. */
export function importFacts(report: ImportReport): Readonly<Record<string, unknown>> {
  return { ...report, deviceKeyTaken: false };
}

/** For people. */
export function importLines(report: ImportReport): readonly string[] {
  const { image, layout, tail, records, orphans, ignored, taken, leftOut } = report;
  const which = layout === "legacy" ? "first layout" : "two regions";
  return [
    `from   ${image}: Open Nexus OS, ${which}, ${records} records, tail ${tail}`,
    `taken  ${taken} values`,
    ...leftOut.map((value) => `left   ${textOf(value)}`),
    ...orphans === 0 ? [] : [`left   transactions without an end: ${orphans}`],
    ...ignored === 0 ? [] : [`left   records that belong to no transaction: ${ignored}`],
    ...TAIL_LINES[tail],
    "The device key is not taken over: the node draws its own when it first starts, and is another " +
    "device to its peers.",
  ];
}

const TAIL_LINES: Readonly<Record<ImportReport["tail"], readonly string[]>> = {
  clean: [],
  torn: ["The last write was cut short: it had not happened."],
  damaged: [
    "What lies behind a damage was not read: values may be older than they were, and deleted ones back.",
  ],
};

function textOf({ path, reason }: LeftOut): string {
  return `${printable(path)}: ${REASONS[reason]}`;
}

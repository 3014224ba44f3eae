import { RING } from "../logd/protocol.ts";
import type { ProbePorts } from "./probe.ts";

const PAGES_MAX = 256;
const PAGE = 64;
const AUDITOR = "policyd";

type AuditPorts = Pick<ProbePorts, "logQuery">;

/** Id of the newest decision on record; `undefined` when logd does not tell. */
export async function newestDecision(ports: AuditPorts): Promise<bigint | undefined> {
  let newest = 0n;
  for (let page = 0; page < PAGES_MAX; page++) {
    const lastId = (await pageAfter(ports, newest))?.lastId;
    if (lastId === undefined || lastId === newest) return lastId;
    newest = lastId;
  }
  return newest;
}

/**
 * The first record of a decision that policyd wrote and that holds all of `parts`, such as
 * `capability=rng.entropy`.
 *
 * @param afterId Only records behind this one count.
 * @returns its id, or `undefined` when there is none.
 */
export async function decisionWith(
  ports: AuditPorts,
  parts: readonly string[],
  afterId = 0n,
): Promise<number | undefined> {
  let from = afterId;
  for (let count = 0; count < PAGES_MAX; count++) {
    const page = await pageAfter(ports, from);
    for (const { recordId, sender, message, fields } of page?.records ?? []) {
      const said = `${message} ${fields}`.split(/\s+/);
      if (sender === AUDITOR && parts.every((part) => said.includes(part))) {
        return Number(recordId);
      }
    }
    if (page === undefined || page.lastId === from) return undefined;
    from = page.lastId;
  }
  return undefined;
}

async function pageAfter({ logQuery }: AuditPorts, afterId: bigint) {
  const page = await logQuery.queryAfter({
    ring: RING.audit,
    afterId,
    countMax: PAGE,
    scope: "",
  });
  return page.status === "ok" ? page : undefined;
}

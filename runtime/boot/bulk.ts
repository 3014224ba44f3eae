/**
 * Pairs of daemons between which much passes: their frames go through a ring in memory that the two
 * share, and a message only wakes whoever sleeps. A ring lets its two ends measure each other's time;
 * so it is between these and nobody else.
 */
const BULK: readonly (readonly [string, string])[] = [["dsoftbusd", "netstackd"]];

/** Whether two daemons, in whichever order, have rings between them. */
export function bulkBetween(one: string, other: string): boolean {
  return BULK.some((pair) => pair.includes(one) && pair.includes(other) && one !== other);
}

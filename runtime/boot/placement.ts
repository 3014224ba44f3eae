import { HOST_ISOLATE } from "./isolate.ts";

/** How daemons are spread over isolates, the strictest first. */
export const ISOLATIONS = ["all", "secrets", "inline"] as const;
export type Isolation = typeof ISOLATIONS[number];

/** Name of the isolate of those that hold no secret. */
const REST = "rest";

/**
 * Who shares an isolate where holders of secrets have their own. policyd and logd decide and record
 * together: one without the other decides nothing.
 */
const SECRETS: Readonly<Record<string, string>> = {
  keystored: "keystored",
  rngd: "rngd",
  statefsd: "statefsd",
  dsoftbusd: "dsoftbusd",
  policyd: "policyd+logd",
  logd: "policyd+logd",
};

/** Name of the isolate that a daemon lives in. */
export function isolateNameOf(isolation: Isolation, task: string): string {
  switch (isolation) {
    case "all":
      return task;
    case "secrets":
      return Object.hasOwn(SECRETS, task) ? SECRETS[task] ?? REST : REST;
    case "inline":
      return HOST_ISOLATE;
  }
}

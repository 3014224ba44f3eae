import { GrantsError } from "./grants_error.ts";

/** Patterns of one subject at most. */
export const APPS_MAX = 64;
/** Longest name of an application, in bytes. */
export const APP_LENGTH_MAX = 48;

const NAME = "[a-z][a-z0-9_-]*(?:\\.[a-z0-9_-]+)*";
const APP = new RegExp(`^${NAME}$`);
const PATTERN = new RegExp(`^(?:${NAME}|${NAME}\\.\\*|\\*)$`);
const BELOW = ".*";
/** Every application that nobody else has. */
const REST = "*";

/**
 * Whose applications are: one subject each, whatever the order of the lines. A name is its subject's;
 * `name.*` is all below it, but for what a longer pattern names; `*` is the rest.
 */
export class Apps {
  readonly #byPattern: ReadonlyMap<string, string>;

  constructor(byPattern: ReadonlyMap<string, string>) {
    this.#byPattern = byPattern;
  }

  /** The one subject that acts for an application; `undefined` where none does. */
  owner(app: string): string | undefined {
    if (!isApp(app)) return undefined;
    const exact = this.#byPattern.get(app);
    if (exact !== undefined) return exact;
    for (let end = app.lastIndexOf("."); end > 0; end = app.lastIndexOf(".", end - 1)) {
      const owner = this.#byPattern.get(app.slice(0, end) + BELOW);
      if (owner !== undefined) return owner;
    }
    return this.#byPattern.get(REST);
  }
}

/** Whether a text can be the name of an application. */
export function isApp(text: string): boolean {
  return text.length <= APP_LENGTH_MAX && APP.test(text);
}

/**
 * Reads the section `apps`: by subject, a list of patterns.
 *
 * @throws {GrantsError} `not_a_list`, `too_many_apps`, `not_text`, `bad_app`; `shared_app`: two
 *   subjects, or one twice, for the same pattern.
 */
export function parseApps(section: object): Apps {
  const byPattern = new Map<string, string>();
  for (const [subject, list] of Object.entries(section)) {
    if (!Array.isArray(list)) throw new GrantsError("not_a_list", subject);
    if (list.length > APPS_MAX) throw new GrantsError("too_many_apps", subject);
    for (const pattern of list as readonly unknown[]) {
      if (typeof pattern !== "string") throw new GrantsError("not_text", subject);
      if (pattern.length > APP_LENGTH_MAX || !PATTERN.test(pattern)) {
        throw new GrantsError("bad_app", subject);
      }
      if (byPattern.has(pattern)) throw new GrantsError("shared_app", subject);
      byPattern.set(pattern, subject);
    }
  }
  return new Apps(byPattern);
}

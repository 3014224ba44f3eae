/** Why a grants text is refused. */
export type GrantsErrorCode =
  | "oversize"
  | "not_toml"
  | "unknown_section"
  | "bad_version"
  | "bad_subject"
  | "sid_collision"
  | "too_many_subjects"
  | "not_a_list"
  | "too_many_capabilities"
  | "not_text"
  | "capability_too_long"
  | "unknown_capability"
  | "duplicate_capability"
  | "too_many_apps"
  | "bad_app"
  | "shared_app";

/**
 * A grants text that cannot stand. The code is part of the name, because the boot tells no more than
 * the name of an error.
 */
export class GrantsError extends Error {
  override readonly name: string;
  readonly code: GrantsErrorCode;
  /** The section or subject at fault; empty when the text as a whole is. */
  readonly where: string;

  constructor(code: GrantsErrorCode, where = "") {
    super(`Cannot use the grants: ${code}${where === "" ? "" : ` at ${where}`}`);
    this.name = `GrantsError ${code}`;
    this.code = code;
    this.where = where;
  }
}

import type { Phase } from "@runtime/idl/marker.ts";

/** What a probe's line proves, and what it must show to print it. */
export interface ProbeDeclaration {
  /** The line without its verdict. Source: open-nexus-OS, proof manifest. */
  readonly line: string;
  readonly phase: Phase;
  /** Behind the line of one that passed, ` ok` unless said. */
  readonly verdict?: "";
  /** `required` unless said. */
  readonly role?: "allowed";
  readonly needs?: "state";
  readonly proves: string;
  readonly evidence: readonly string[];
}

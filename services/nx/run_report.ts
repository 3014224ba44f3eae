/**
 * What a node leaves for its supervisor: read after its end alone, so a node that can no longer speak
 * has spoken before.
 *
 * @module
 */

import type { HostAddress } from "@runtime/core/ports.ts";
import { FileFailure, type Files } from "@runtime/core/program_ports.ts";

/** Longest report that is read, in bytes. */
export const REPORT_LENGTH_MAX = 1_024;
const REPORT_MODE = 0o600;
const TASK = /^[a-z][a-z0-9-]{0,47}$/;
const PORT_MAX = 65_535;

/** A task that does not answer its heartbeat. */
export interface Suspect {
  readonly task: string;
  /** Its last answer, in nanoseconds since the node's start. */
  readonly sinceNs: number;
}

/** A report as it was found. */
export interface ReportFacts {
  /** The port that the node listened on. */
  readonly port: number | undefined;
  readonly suspect: Suspect | undefined;
}

/** The node's side of its report; without a path nothing is written. */
export class RunReport {
  readonly #files: Pick<Files, "writeText">;
  readonly #path: string | undefined;
  #port: number | undefined;
  #suspect: Suspect | undefined;

  constructor(files: Pick<Files, "writeText">, path: string | undefined) {
    this.#files = files;
    this.#path = path;
  }

  listening(address: HostAddress | undefined): void {
    this.#port = address?.port;
    this.#write();
  }

  /** Tells of a task that went silent, or, with `undefined`, that none is. */
  suspect(suspect: Suspect | undefined): void {
    this.#suspect = suspect;
    this.#write();
  }

  #write(): void {
    if (this.#path === undefined) return;
    const text = JSON.stringify({ port: this.#port, suspect: this.#suspect });
    try {
      this.#files.writeText(this.#path, text, REPORT_MODE);
    } catch (error) {
      // A full disk is no reason to end a node: its supervisor will have less to tell.
      if (!(error instanceof FileFailure)) throw error;
    }
  }
}

const NOTHING: ReportFacts = { port: undefined, suspect: undefined };

/** The supervisor's side. What is absent or makes no sense is left out: a crash can leave anything. */
export function readReport(files: Pick<Files, "readPrivateText">, path: string): ReportFacts {
  try {
    const facts: unknown = JSON.parse(files.readPrivateText(path, REPORT_LENGTH_MAX));
    if (typeof facts !== "object" || facts === null) return NOTHING;
    return {
      port: "port" in facts && whole(facts.port, 1, PORT_MAX) ? facts.port : undefined,
      suspect: "suspect" in facts ? suspectOf(facts.suspect) : undefined,
    };
  } catch (error) {
    if (error instanceof FileFailure || error instanceof SyntaxError) return NOTHING;
    throw error;
  }
}

function suspectOf(value: unknown): Suspect | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (!("task" in value && "sinceNs" in value)) return undefined;
  const { task, sinceNs } = value;
  if (typeof task !== "string" || !TASK.test(task)) return undefined;
  return whole(sinceNs, 0, Number.MAX_SAFE_INTEGER) ? { task, sinceNs } : undefined;
}

function whole(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
}

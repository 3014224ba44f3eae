/**
 * Ports of a state directory: the image that a node keeps its state in, and the key beside it.
 *
 * @module
 */

import type { Disk, EntropySource } from "./ports.ts";

/** A disk in a file, this process's until it is closed. */
export interface HeldDisk extends Disk {
  close(): Promise<void>;
}

/** Told how much of a long work is done, from 0 to 1. */
export type Progress = (done: number) => void;

/**
 * A folder of this user alone that nobody else holds. Names are names in it; each file is one of this
 * user alone. What a call did is durable when it returns. Every call throws a `FileFailure` when it
 * cannot.
 */
export interface HeldFolder {
  readonly path: string;
  /** What lies in it, sorted; the lock is not counted. */
  names(): readonly string[];
  /** @throws {FileFailure} `too_large` for more than `lengthMax` bytes. */
  read(name: string, lengthMax: number): Uint8Array;
  /** Makes a file, whole or not at all. @throws {FileFailure} `exists`: nothing is replaced. */
  create(name: string, bytes: Uint8Array): void;
  /** Puts a file in the place of another in one step. */
  replace(name: string, bytes: Uint8Array): void;
  remove(name: string): void;
  /** Overwrites a file before it is removed, as far as the host writes in place. */
  shred(name: string): void;
  /** Makes durable what others did to its names. */
  sync(): void;
  /** Makes an image of zeros, whole or not at all. @throws {FileFailure} `exists`, `no_space`. */
  createImage(name: string, sectorCount: number, progress: Progress | undefined): void;
  /** @throws {FileFailure} `not_found`, `busy`, `bad_length`. */
  openImage(name: string, readOnly: boolean): HeldDisk;
  /** Lets others hold it; safe to call twice. Images are closed on their own. */
  release(): void;
}

/** What the host does for state directories. */
export interface StateHost {
  /**
   * What lies in a folder; `undefined` when nothing is at the path.
   *
   * @throws {FileFailure} `wrong_kind`, `not_private`.
   */
  look(path: string): readonly string[] | undefined;
  /** Makes a folder of this user alone, and those above it. */
  make(path: string): void;
  /** @throws {FileFailure} `busy`: another process holds it. */
  hold(path: string): Promise<HeldFolder>;
  /** Opens an image that lies anywhere. @throws {FileFailure} as {@linkcode HeldFolder.openImage}. */
  openImage(path: string, readOnly: boolean): HeldDisk;
  /** Reads a file of this user alone. @throws {FileFailure} `too_large`, `not_private` and others. */
  readPrivate(path: string, lengthMax: number): Uint8Array;
}

/** What works on state directories stands on. */
export interface StatePorts {
  readonly host: StateHost;
  /** Where keys, nonces and ids come from. */
  readonly entropy: EntropySource;
  /** Must have resolved before a key is drawn. @throws {HostRefusal} when it would be no secret. */
  admitKeys(): Promise<void>;
}

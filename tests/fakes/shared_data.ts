const ROOT = Deno.env.get("NX_SHARED") ??
  new URL("../../../shared", import.meta.url).pathname;

/** Where the conformance data lies: `$NX_SHARED`, else `../shared` beside the checkout. */
export function sharedPath(path: string): string {
  return `${ROOT}/${path}`;
}

/** Whether a file or folder of the conformance data is there; tests without theirs are ignored. */
export function sharedPresent(path: string): boolean {
  try {
    Deno.statSync(sharedPath(path));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Text of one file of the conformance data. */
export function sharedText(path: string): string {
  return Deno.readTextFileSync(sharedPath(path));
}

/** Bytes of one file of the conformance data. */
export function sharedBytes(path: string): Uint8Array {
  return Deno.readFileSync(sharedPath(path));
}

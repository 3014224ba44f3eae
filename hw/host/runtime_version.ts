/** Whether this runtime is Deno `major.minor` or newer: some versions differ in what works. */
export function denoAtLeast(major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = Deno.version.deno.split(".").map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

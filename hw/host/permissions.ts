/** What the program may do, from source as compiled: no foreign functions, no code from elsewhere. */
export const PROGRAM_PERMISSIONS: readonly string[] = [
  "--no-prompt",
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
  "--allow-run",
];

/**
 * Locks on open files, also where the runtime cannot try one: Deno 2.4 can only wait.
 *
 * @module
 */

/** How long a lock may take that nobody else holds, where it cannot be tried, in milliseconds. */
const WAIT_MS = 500;

type Tried = Partial<Pick<Deno.FsFile, "tryLockSync">>;

/**
 * Takes a file's lock if nobody else holds it. Where that cannot be tried at once nothing is locked:
 * the lock of the state directory that the file lies in, which is waited for, then stands alone. A
 * file in no state directory is one that no node runs on.
 *
 * @returns Whether another process holds it.
 */
export function lockedElsewhere(file: Tried, exclusive: boolean): boolean {
  return file.tryLockSync !== undefined && !file.tryLockSync(exclusive);
}

/** Takes a file's lock for this process alone. @returns Whether it got it. */
export async function takeLock(file: Tried & Pick<Deno.FsFile, "lock">): Promise<boolean> {
  if (file.tryLockSync !== undefined) return file.tryLockSync(true);
  const { promise, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), WAIT_MS);
  try {
    // One that comes too late goes with the process, which does nothing more with the file.
    return await Promise.race([file.lock(true).then(() => true), promise]);
  } finally {
    clearTimeout(timer);
  }
}

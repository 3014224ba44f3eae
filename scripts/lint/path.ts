/** Root of the repository, as a path that ends in a slash. */
const ROOT = new URL("../../", import.meta.url).pathname;

/** @returns Path of a file from the root of the repository; a relative path is taken to start there. */
export function pathFromRoot(filename: string): string {
  return filename.startsWith(ROOT) ? filename.slice(ROOT.length) : filename;
}

/** Whether a file is the place itself or lies inside it. */
export function inside(place: string, path: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

/** Whether a file lies in any of the places. */
export function insideAny(places: readonly string[], path: string): boolean {
  return places.some((place) => inside(place, path));
}

/** Whether a file is a test or a bench, beside the code or not. */
export function isTest(path: string): boolean {
  return /_(test|bench)\.ts$/.test(path);
}

/** Whether a file may import everything, and only its like may import it. */
export function isOutsideProduct(path: string): boolean {
  return isTest(path) || insideAny(["tests", "scripts"], path);
}

/** First folder of a path, or the file when it lies at the root. */
export function topFolder(path: string): string {
  const end = path.indexOf("/");
  return end < 0 ? path : path.slice(0, end);
}

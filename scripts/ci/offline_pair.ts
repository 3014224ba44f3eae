import { run } from "./process.ts";

/** Deno 2.4.2 and a base executable of the same version. */
export interface OfflinePair {
  readonly deno: string;
  readonly base: string;
}

/** The one target for which npm carries a base executable that is known to work. */
export const PAIR_TARGET = "x86_64-unknown-linux-gnu";

/** What is installed, with the hash that npm must have checked. The base is the file `vlt`. */
export const PACKAGES: Readonly<Record<string, { version: string; integrity: string }>> = {
  "deno": {
    version: "2.4.2",
    integrity:
      "sha512-HlQGDol7S+Dwm3Kzn0U9TYr9XqI0PNJZ5qB6OtbEJcmo+jlRiwj2So/LhmxNzkxVexgu1AFzdv6BZL0+ygyyUw==",
  },
  "@deno/linux-x64-glibc": {
    version: "2.4.2",
    integrity:
      "sha512-LzDLyrROm2oxt2g8sjG6niYWaZas/HLBk4Ns5qEhf2bGaDr8Lcq24VTnThZLepLUKt8cTfT3NGX3MZZWKwSVmA==",
  },
  "@vltpkg/cli-linux-x64": {
    version: "0.0.0-18",
    integrity:
      "sha512-eQvsTLNKsoA/sH80Nn1iEKu+Lh24kmbB97dDjhn34py23Xc6+/uI48UNG2k/TQFIcVf7Sckwnrk80L00Hx1eXA==",
  },
};

const INSTALL_TIMEOUT_MS = 300_000;

/**
 * Makes sure that the pair lies in the user's cache.
 *
 * npm does the download and checks it against the hash of its registry; that hash is then compared
 * with the pinned one, so that the same bytes are run everywhere.
 *
 * @returns Where the two programs lie, or a sentence that says why they cannot be had.
 */
export async function offlinePair(target: string): Promise<OfflinePair | string> {
  if (target !== PAIR_TARGET) return `the offline pair makes ${PAIR_TARGET} alone, not ${target}`;
  const cache = cacheFolder();
  if (cache === undefined) return "neither XDG_CACHE_HOME nor HOME says where the cache is";
  if (installProblem(cache) !== undefined) await install(cache);
  return installProblem(cache) ?? pairIn(cache);
}

/** @returns The pair if it lies in the user's cache already: nothing is installed. */
export function installedPair(): OfflinePair | undefined {
  const cache = cacheFolder();
  if (cache === undefined || Deno.build.target !== PAIR_TARGET) return undefined;
  return installProblem(cache) === undefined ? pairIn(cache) : undefined;
}

function pairIn(cache: string): OfflinePair {
  const modules = `${cache}/node_modules`;
  return {
    deno: `${modules}/@deno/linux-x64-glibc/deno`,
    base: `${modules}/@vltpkg/cli-linux-x64/vlt`,
  };
}

function cacheFolder(): string | undefined {
  const home = Deno.env.get("HOME");
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? (home && `${home}/.cache`);
  return cache === undefined ? undefined : `${cache}/nexus/deno-2.4.2`;
}

async function install(cache: string): Promise<void> {
  console.error(`compile: npm installs Deno 2.4.2 and its base into ${cache}`);
  await Deno.mkdir(cache, { recursive: true });
  const names = Object.entries(PACKAGES).map(([name, { version }]) => `${name}@${version}`);
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
  const args = ["install", ...flags, "--prefix", cache, ...names];
  await run("npm", args, { cwd: cache, timeoutMs: INSTALL_TIMEOUT_MS });
}

/** @returns Why what lies in the cache is not the pair, or `undefined`. */
function installProblem(cache: string): string | undefined {
  try {
    const record = Deno.readTextFileSync(`${cache}/node_modules/.package-lock.json`);
    return foreignPackage(JSON.parse(record));
  } catch {
    return `npm could not install Deno 2.4.2 and its base into ${cache}`;
  }
}

/** The part of npm's record of a folder that is read here. */
interface InstallRecord {
  readonly packages: Readonly<Record<string, { readonly integrity?: string } | undefined>>;
}

/** @returns Which package of the pair is not the pinned one, or `undefined`. */
export function foreignPackage({ packages }: InstallRecord): string | undefined {
  for (const [name, { integrity }] of Object.entries(PACKAGES)) {
    const seen = packages[`node_modules/${name}`]?.integrity;
    if (seen !== integrity) return `${name} is not the pinned one: ${seen ?? "absent"}`;
  }
  return undefined;
}

/** What this program runs on. */
export function hostVersion(): Readonly<Record<string, string | boolean>> {
  const { deno, v8, typescript } = Deno.version;
  return { deno, v8, typescript, target: Deno.build.target, compiled: Deno.build.standalone };
}

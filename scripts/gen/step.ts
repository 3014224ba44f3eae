/** Runs another generator. Returns 1 when it fails, 0 otherwise. */
export async function runStep(script: string, check: boolean): Promise<number> {
  const args = ["run", "-A", script, ...(check ? ["--check"] : [])];
  const { success } = await new Deno.Command(Deno.execPath(), {
    args,
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  return success ? 0 : 1;
}

import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { manualKernel, memoryDevice } from "@tests/fakes/kernel.ts";
import { bareMachine } from "@tests/fakes/machine.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import type { InterruptController } from "../core/ports.ts";

interface Controller extends InterruptController {
  readonly log: string[];
  /** A device raises its line. */
  raise(...sources: number[]): void;
}

/** Pending sources, lowest first, one claim each; a source is not pending again until completed. */
function controller(): Controller {
  const log: string[] = [];
  const pending = new Set<number>();
  let trap = () => {};
  return {
    log,
    enable: (source) => void log.push(`enable ${source}`),
    claim() {
      const source = Math.min(...pending);
      if (!Number.isFinite(source)) return 0;
      pending.delete(source);
      log.push(`claim ${source}`);
      return source;
    },
    complete: (source) => void log.push(`complete ${source}`),
    onPending: (run) => void (trap = run),
    raise(...sources) {
      for (const source of sources) pending.add(source);
      trap();
    },
  };
}

function driver(...sources: number[]) {
  const interrupts = controller();
  const manual = manualKernel({ machine: { ...bareMachine(), interrupts } });
  const task = manual.kernel.spawn("driver");
  const irqs = sources.map((source) => {
    const slot = manual.kernel.grantDevice(task, memoryDevice(4096, source)) ?? -1;
    const irq = task.irqBind(slot);
    if (irq === undefined) throw new Error("no interrupt");
    return irq;
  });
  const [first, second] = irqs;
  if (first === undefined) throw new Error("no interrupt");
  return { ...manual, interrupts, first, second: second ?? first };
}

test("irqBind enables the source once, however often it is bound", () => {
  deepEqual(driver(3, 3, 5).interrupts.log, ["enable 3", "enable 5"]);
});

test("an interrupt wakes the task that waits, after it was claimed and before it is completed", async () => {
  const { interrupts, first, outcome } = driver(3);
  const woken = outcome(first.wait().then(() => interrupts.log.push("woken")));
  equal(await woken(), undefined);
  interrupts.raise(3);
  await woken();
  first.complete();
  deepEqual(interrupts.log, ["enable 3", "claim 3", "woken", "complete 3"]);
});

test("an interrupt stays pending while nobody waits, and wakes one wait", async () => {
  const { interrupts, first, outcome } = driver(3);
  interrupts.raise(3);
  interrupts.raise(3);
  equal(await outcome(first.wait().then(() => "woken"))(), "woken");
  equal(await outcome(first.wait().then(() => "woken"))(), undefined);
});

test("one trap claims every pending source, and each wakes its own waiter", async () => {
  const { interrupts, first, second, outcome } = driver(3, 5);
  const woken: number[] = [];
  const both = [
    outcome(first.wait().then(() => woken.push(3))),
    outcome(second.wait().then(() => woken.push(5))),
  ];
  interrupts.raise(5);
  for (const wait of both) await wait();
  deepEqual(woken, [5]);
  interrupts.raise(3, 5);
  for (const wait of both) await wait();
  deepEqual(woken, [5, 3]);
  deepEqual(interrupts.log.filter((line) => line.startsWith("claim")), [
    "claim 5",
    "claim 3",
    "claim 5",
  ]);
});

test("an interrupt has one waiter at a time", () => {
  const { first } = driver(3);
  first.wait();
  throws(() => first.wait(), InvariantError);
});

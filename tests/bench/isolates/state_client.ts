import { type AnyComponent, defineComponent } from "@runtime/boot/component.ts";
import { assert } from "@runtime/core/assert.ts";
import selftest from "@services/selftest/mod.ts";
import { LEVELS, logdV2 } from "@services/logd/protocol.ts";
import { statefsd } from "@services/statefsd/protocol.ts";

/** Scope of the one record that tells what was measured. */
export const FIGURES_SCOPE = "bench";
/** Milliseconds that calls wait: a round may meet a compaction. */
const PATIENCE = { timeoutMs: 20_000 };
const KEYS = 500;
const WIDE = 32;
const PUTS = 1_000;
const GETS = 5_000;
const VALUE = Uint8Array.from({ length: 256 }, (_, index) => index);

const keyAt = (index: number) => `/state/app/bench/${index % KEYS}`;

/** Rates, in calls a second. */
export interface StateFigures {
  readonly put: number;
  readonly putWide: number;
  readonly get: number;
  readonly getWide: number;
}

/**
 * In the place of the selftest, whose grants it has: a client of statefsd in a task of its own, which
 * tells its rates in the log.
 */
export const stateClient: AnyComponent = defineComponent({
  name: selftest.name,
  serves: selftest.serves,
  calls: { state: statefsd, log: logdV2 },
  uses: {},
  asks: ["statefs.read", "statefs.write"],
  create({ call: { state, log }, clock, settled, spawn }) {
    const put = async (index: number) => {
      const { status } = await state.put({ key: keyAt(index), value: VALUE }, PATIENCE);
      assert(status === "ok", "a put is safe");
    };
    const get = async (index: number) => {
      const { status } = await state.get({ key: keyAt(index) }, PATIENCE);
      assert(status === "ok", "a get succeeds");
    };
    /** Calls a second, `width` of them at once. */
    const rateOf = async (call: (index: number) => Promise<void>, count: number, width: number) => {
      const began = clock.nowNs();
      for (let done = 0; done < count; done += width) {
        await Promise.all(Array.from({ length: width }, (_, index) => call(done + index)));
      }
      return 1e9 * count / (clock.nowNs() - began);
    };
    /** The same one at a time, by the median: a host that is busy meanwhile moves it less. */
    const medianRateOf = async (call: (index: number) => Promise<void>, count: number) => {
      const times: number[] = [];
      for (let index = 0; index < count; index++) {
        const began = clock.nowNs();
        await call(index);
        times.push(clock.nowNs() - began);
      }
      return 1e9 / medianOf(times);
    };
    spawn(async () => {
      await settled;
      await rateOf(put, KEYS, 1);
      const figures: StateFigures = {
        put: await medianRateOf(put, PUTS),
        putWide: await rateOf(put, 4 * PUTS, WIDE),
        get: await medianRateOf(get, GETS),
        getWide: await rateOf(get, 2 * GETS, WIDE),
      };
      await log.append({
        level: LEVELS.indexOf("info"),
        scope: FIGURES_SCOPE,
        message: JSON.stringify(figures),
        fields: "",
      });
    });
    return { selftest: {} };
  },
});

/** The middle one. */
export function medianOf(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0;
}

import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { SEGMENT_BYTES_MAX } from "./client/log_segment.ts";
import { defaultLimits } from "./default_limits.ts";

test("defaultLimits leaves no owner the whole image, and the log a quarter of it", () => {
  deepEqual(defaultLimits(131_072), {
    subjects: { soft: 12_582_912, hard: 16_777_216 },
    apps: { soft: 6_291_456, hard: 8_388_608 },
    segmentsMax: 64,
  });
  for (const blocks of [128, 2_048, 16_384, 131_072, 8_388_608]) {
    const { subjects, apps, segmentsMax } = defaultLimits(blocks);
    ok(subjects.hard <= blocks * 128 && apps.hard <= subjects.hard);
    ok(subjects.soft < subjects.hard && segmentsMax >= 2);
    if (blocks >= 2_048) ok(2 * segmentsMax * SEGMENT_BYTES_MAX <= blocks * 256);
  }
});

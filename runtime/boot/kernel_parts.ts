/**
 * The modules that an isolate's kernel is made of. Whoever in the isolate names one by its address gets
 * the very module that the kernel runs: an entry makes them unchangeable before a daemon is loaded.
 *
 * @module
 */

import * as arena from "../core/arena.ts";
import * as assert from "../core/assert.ts";
import * as error from "../core/error.ts";
import * as reader from "../core/reader.ts";
import * as secret from "../core/secret.ts";
import * as writer from "../core/writer.ts";
import * as channel from "../idl/channel.ts";
import * as arrivals from "../kernel/arrivals.ts";
import * as batch from "../kernel/batch.ts";
import * as capTable from "../kernel/cap_table.ts";
import * as crossing from "../kernel/crossing.ts";
import * as endpoint from "../kernel/endpoint.ts";
import * as inlet from "../kernel/inlet.ts";
import * as interrupt from "../kernel/interrupt.ts";
import * as kernel from "../kernel/kernel.ts";
import * as outlet from "../kernel/outlet.ts";
import * as principal from "../kernel/principal.ts";
import * as receiving from "../kernel/receiving.ts";
import * as remoteDevice from "../kernel/remote_device.ts";
import * as ring from "../kernel/ring.ts";
import * as scheduler from "../kernel/scheduler.ts";
import * as task from "../kernel/task.ts";
import * as timer from "../kernel/timer.ts";
import * as vmo from "../kernel/vmo.ts";
import * as isolate from "./isolate.ts";
import * as load from "./load.ts";
import * as marker from "./marker.ts";
import * as provoke from "./provoke.ts";
import * as rate from "./rate.ts";
import * as taskHost from "./task_host.ts";

const MODULES: readonly object[] = [
  arena,
  assert,
  error,
  reader,
  secret,
  writer,
  channel,
  arrivals,
  batch,
  capTable,
  crossing,
  endpoint,
  inlet,
  interrupt,
  kernel,
  outlet,
  principal,
  receiving,
  remoteDevice,
  ring,
  scheduler,
  task,
  timer,
  vmo,
  isolate,
  load,
  marker,
  provoke,
  rate,
  taskHost,
];

/** Every class and function of theirs. */
export const KERNEL_PARTS: readonly unknown[] = MODULES.flatMap((part) => Object.values(part));

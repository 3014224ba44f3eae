import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { createPolicyd, type PolicydPorts } from "./service.ts";
import { failsClosed } from "./start_up.ts";

/** A policyd over a logd that is believed whatever it says. */
function believing(ports: PolicydPorts) {
  const audit: PolicydPorts["audit"] = {
    async appendAudit(request, options) {
      await ports.audit.appendAudit(request, options);
      return { status: "ok", recordId: 1n, dropped: 0n };
    },
  };
  return createPolicyd({ ...ports, audit });
}

test("failsClosed is true of policyd", async () => {
  equal(await failsClosed(createPolicyd), true);
});

test("failsClosed is false of a policyd that answers without its record", async () => {
  equal(await failsClosed(believing), false);
});

test("failsClosed is false of a policyd that takes silence for a record", async () => {
  const patient = (ports: PolicydPorts) => {
    const audit: PolicydPorts["audit"] = {
      async appendAudit(request, options) {
        const reply = await ports.audit.appendAudit(request, options);
        return reply.status === "no_reply"
          ? { status: "ok", recordId: 1n, dropped: 0n } as const
          : reply;
      },
    };
    return createPolicyd({ ...ports, audit });
  };
  equal(await failsClosed(patient), false);
});

test("failsClosed is false of a policyd that allows nothing: it would show nothing", async () => {
  const deaf = (ports: PolicydPorts) => {
    const audit = { appendAudit: () => Promise.resolve({ status: "denied" } as const) };
    return createPolicyd({ ...ports, audit });
  };
  equal(await failsClosed(deaf), false);
});

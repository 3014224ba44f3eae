import { type Command, Option } from "commander";
import { failureText, LadderJudge } from "@runtime/boot/ladder.ts";
import { LADDER_MARKERS } from "@runtime/boot/phases/manifest.gen.ts";
import { LADDER_ORDERS } from "@runtime/boot/phases/orders.ts";
import { createClient } from "@runtime/idl/client.ts";
import type { HostAddress } from "@runtime/core/ports.ts";
import { controld } from "../controld/protocol.ts";
import { dsoftbusd } from "../dsoftbusd/protocol.ts";
import { hostPortText } from "./address.ts";
import type { StreamConnection } from "@runtime/idl/stream_channel.ts";
import { connectControl } from "./control_client.ts";
import { DemoFailure, DemoNode, DemoTimeout } from "./demo_node.ts";
import { durationOption } from "./up_options.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { reachOf } from "./node_reach.ts";
import { losingOutput } from "./output.ts";
import { peersOf } from "./peers.ts";
import { pingOnce } from "./ping.ts";
import { type ControlClient, okReply, type Shell } from "./shell.ts";

const TIMEOUT_MS = 15_000;
const PINGS = { count: 32, size: 64, window: 1, timeout: 5_000 };
const SERVICE = "samgrd";
/** Where each node listens. */
const LISTEN: HostAddress = { host: "127.0.0.1", port: 0 };
const RESOLVE_WAIT_MS = 5_000;
const EXAMPLES = `
Two nodes start as two processes, find each other over TCP on this host, prove their identities, and
answer each other's questions in encrypted frames. Their consoles are shown as they come.

Example:
  nx demo
`;

interface DemoOptions {
  readonly json?: true;
  readonly timeout: number;
}

/** `nx demo`: two nodes and their session. */
export function addDemo(program: Command, shell: Shell): void {
  program.command("demo")
    .description("start two nodes in two processes and show their session live")
    .option("--json", "one JSON object a line")
    .addOption(
      new Option(
        "--timeout <duration>",
        "give up after so long, with exit code 124; 0 is no limit",
      ).argParser(durationOption).default(TIMEOUT_MS, "15s"),
    )
    .addHelpText("after", EXAMPLES)
    .action((options: DemoOptions) => new Demo(shell, options).run());
}

/** A node of the demo that can be asked. */
interface AskedNode {
  readonly number: number;
  readonly node: DemoNode;
  readonly client: ControlClient;
  readonly deviceId: string;
}

class Demo {
  readonly #shell: Shell;
  readonly #options: DemoOptions;
  readonly #nodes: DemoNode[] = [];
  readonly #connections: StreamConnection[] = [];
  readonly #beganNs: number;
  readonly #over: Promise<never>;
  #fail: (failure: DemoFailure) => void = () => {};
  #failure: DemoFailure | undefined;
  #step = "start";

  constructor(shell: Shell, options: DemoOptions) {
    const lost = ({ message }: Error) => this.#fail(new DemoFailure(message));
    this.#shell = { ...shell, output: losingOutput(shell.output, lost) };
    this.#options = options;
    this.#beganNs = shell.ports.clock.nowNs();
    this.#over = new Promise((_, reject) =>
      this.#fail = (failure) => {
        this.#failure ??= failure;
        reject(failure);
      }
    );
  }

  async run(): Promise<void> {
    const { clock, processes, turns } = this.#shell.ports;
    const { timeout } = this.#options;
    const late = () => this.#fail(new DemoTimeout("it took too long"));
    const cancel = timeout === 0 ? () => {} : turns.at(this.#beganNs + timeout * 1e6, late);
    const unwatch = processes.onStop(() => this.#fail(new DemoFailure("it was interrupted")));
    try {
      await Promise.race([this.#show(), this.#over]);
      this.#shell.finish(EXIT.ok);
    } catch (error) {
      this.#tellFailure(error);
      this.#shell.finish(error instanceof DemoTimeout ? EXIT.timedOut : EXIT.failed);
    } finally {
      cancel();
      unwatch();
      for (const connection of this.#connections) connection.close();
      await Promise.all(this.#nodes.map((node) => node.end({ clock, turns })));
    }
  }

  async #show(): Promise<void> {
    const first = await this.#boot(1, undefined);
    const second = await this.#boot(2, first.listen);
    const session = dsoftbusd.markers.session.line;
    this.#begin("session");
    await Promise.all(this.#nodes.map((node) => node.marked((lines) => lines.includes(session))));
    const one = await this.#ask(1, first.socket);
    const two = await this.#ask(2, second.socket);
    if (one.deviceId === two.deviceId) throw new DemoFailure("both nodes have the same identity");
    for (const [from, to] of [[one, two], [two, one]] as const) await this.#converse(from, to);
    this.#begin("ladder");
    await Promise.all(this.#nodes.map((node, index) => this.#climb(node, index + 1)));
    this.#summarise(one, two);
  }

  async #boot(number: number, peer: HostAddress | undefined) {
    this.#begin(`boot node ${number}`);
    const alone = ["up", "--no-supervise", "--child"]; // a demo shows a crash, and ends with it
    const { output, ports } = this.#shell;
    const draft = `${ports.processes.id}-${number}`;
    const dialled = peer === undefined ? [] : ["--peer", hostPortText(peer)];
    const how = ["--json", "--selftest", "--draft", draft, "--listen", hostPortText(LISTEN)];
    const args = [...alone, ...how, ...dialled];
    const reach = await reachOf(ports, {
      ...{ listen: LISTEN, control: true, report: undefined, draft },
      peers: peer === undefined
        ? []
        : [{ address: peer, deviceId: undefined, noiseStatic: undefined }],
    });
    const node = new DemoNode(ports.processes, { args, reach }, {
      marker: (line) => {
        if (this.#options.json) output.json({ event: "marker", node: number, line });
        else output.line(`${number}| ${line}`);
      },
    });
    this.#nodes.push(node);
    return await node.ready();
  }

  async #ask(number: number, socket: string): Promise<AskedNode> {
    this.#begin(`identity of node ${number}`);
    const connection = await connectControl(this.#shell.ports, socket);
    const node = this.#nodes[number - 1];
    if (connection === undefined || node === undefined) {
      throw new DemoFailure("its control socket does not accept");
    }
    this.#connections.push(connection);
    const client = createClient(controld, connection);
    const { deviceId } = okReply(await client.identity({}), "identity");
    this.#tell({ event: "identity", node: number, deviceId }, `node ${number} is ${deviceId}`);
    return { number, node, client, deviceId };
  }

  /** One node asks the other, over the session between them. */
  async #converse(from: AskedNode, to: AskedNode): Promise<void> {
    const way = `node ${from.number} to node ${to.number}`;
    this.#begin(`peers of node ${from.number}`);
    const peers = await peersOf(from.client);
    const peer = peers.find(({ deviceId, state }) =>
      deviceId === to.deviceId && state === "established"
    );
    if (peer === undefined) throw new DemoFailure("the other node is not among them");
    this.#begin(`resolve, ${way}`);
    const request = { peer: to.deviceId, service: SERVICE, timeoutMs: RESOLVE_WAIT_MS };
    const resolved = okReply(
      await from.client.resolve(request, { timeoutMs: RESOLVE_WAIT_MS }),
      "resolve",
    );
    if (resolved.found !== 1) throw new DemoFailure(`${SERVICE} was not found`);
    const place = { event: "resolved", from: from.number, to: to.number, service: SERVICE };
    this.#tell(place, `${way}: ${SERVICE} is offered (endpoint ${resolved.endpoint})`);
    this.#begin(`ping, ${way}`);
    const times = await pingOnce(from.client, to.deviceId, PINGS);
    const { count, minNs, meanNs, maxNs } = times;
    const pinged = { event: "pinged", from: from.number, to: to.number };
    this.#tell(
      { ...pinged, count, minNs, meanNs, maxNs },
      `${way}: ${count} pings answered, mean ${(meanNs / 1e6).toFixed(3)} ms`,
    );
  }

  /** Waits until the node has every marker that the ladder requires, and nothing forbidden. */
  async #climb(node: DemoNode, number: number): Promise<void> {
    const judge = new LadderJudge(LADDER_MARKERS, LADDER_ORDERS, { stateless: true });
    let taken = 0;
    await node.marked((lines) => {
      for (; taken < lines.length; taken++) judge.take(lines[taken] ?? "");
      return judge.finished;
    });
    const [failure] = judge.verdict();
    if (failure !== undefined) throw new DemoFailure(`node ${number}: ${failureText(failure)}`);
    const { seen, required } = judge.progress;
    this.#tell(
      { event: "ladder", node: number, seen, required },
      `node ${number}: ladder ${seen}/${required}`,
    );
  }

  #summarise(one: AskedNode, two: AskedNode): void {
    const tookMs = Math.round((this.#shell.ports.clock.nowNs() - this.#beganNs) / 1e6);
    const facts = { event: "summary", ok: true, devices: [one.deviceId, two.deviceId], tookMs };
    this.#tell(
      facts,
      `two devices, one session: identities proven, resolve and ping both ways, ` +
        `in ${(tookMs / 1e3).toFixed(1)} s`,
    );
  }

  /** @throws what the demo failed by meanwhile: nothing more is started. */
  #begin(step: string): void {
    if (this.#failure !== undefined) throw this.#failure;
    this.#step = step;
    if (this.#options.json) this.#shell.output.json({ event: "step", step });
  }

  #tell(facts: Readonly<Record<string, unknown>>, text: string): void {
    if (this.#options.json) this.#shell.output.json(facts);
    else this.#shell.output.line(`== ${text}`);
  }

  #tellFailure(error: unknown): void {
    if (!(error instanceof DemoFailure) && !(error instanceof CommandFailure)) throw error;
    const { output } = this.#shell;
    if (this.#options.json) {
      const tails = this.#nodes.map(({ tail }) => tail);
      output.json({ event: "summary", ok: false, step: this.#step, reason: error.message, tails });
    }
    output.complain(`demo failed at "${this.#step}": ${error.message}`);
    this.#nodes.forEach(({ tail }, index) => {
      output.complain(`last lines of node ${index + 1}:`);
      for (const line of tail) output.complain(`${index + 1}| ${line}`);
    });
  }
}

/** States of a connection. Source: RFC 9293, "State Machine Overview". */
export type TcpState =
  | "LISTEN"
  | "SYN-SENT"
  | "SYN-RECEIVED"
  | "ESTABLISHED"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "CLOSE-WAIT"
  | "CLOSING"
  | "LAST-ACK"
  | "TIME-WAIT"
  | "CLOSED";

/** What moves a connection from state to state. */
export type TcpEvent =
  /** A SYN without ACK arrived. */
  | "syn"
  /** Our SYN was acknowledged, and the peer's SYN is known. */
  | "syn_acknowledged"
  /** The application ends its stream. */
  | "end"
  /** Our FIN was acknowledged. */
  | "fin_acknowledged"
  /** The peer's FIN was reached in order. */
  | "fin";

const MOVES: Readonly<Record<TcpState, Readonly<Partial<Record<TcpEvent, TcpState>>>>> = {
  "LISTEN": { syn: "SYN-RECEIVED" },
  "SYN-SENT": { syn: "SYN-RECEIVED", syn_acknowledged: "ESTABLISHED" },
  "SYN-RECEIVED": { syn_acknowledged: "ESTABLISHED" },
  "ESTABLISHED": { end: "FIN-WAIT-1", fin: "CLOSE-WAIT" },
  "FIN-WAIT-1": { fin_acknowledged: "FIN-WAIT-2", fin: "CLOSING" },
  "FIN-WAIT-2": { fin: "TIME-WAIT" },
  "CLOSE-WAIT": { end: "LAST-ACK" },
  "CLOSING": { fin_acknowledged: "TIME-WAIT" },
  "LAST-ACK": { fin_acknowledged: "CLOSED" },
  "TIME-WAIT": {},
  "CLOSED": {},
};

/**
 * The state after `event`, or `undefined` when the event does not move that state.
 *
 * An `end` before the handshake is complete is kept by the connection and happens at
 * `ESTABLISHED`; resets and timeouts lead from every state to `CLOSED` and are not in the table.
 *
 * Source: RFC 9293, "State Machine Overview" (the figure of connection states).
 */
export function moved(state: TcpState, event: TcpEvent): TcpState | undefined {
  return MOVES[state][event];
}

/** Whether both SYNs are acknowledged and the connection is not over. */
export function synchronized(state: TcpState): boolean {
  return state !== "LISTEN" && state !== "SYN-SENT" && state !== "SYN-RECEIVED" &&
    state !== "CLOSED";
}

/** Whether the peer may still send data in this state. */
export function receiving(state: TcpState): boolean {
  return state === "ESTABLISHED" || state === "FIN-WAIT-1" || state === "FIN-WAIT-2";
}

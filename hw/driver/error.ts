/** What a driver can find wrong with its device, one name per distinct cause. */
export type DriverErrorCode =
  | "bad_id"
  | "bad_magic"
  | "bad_status"
  | "bad_version"
  | "capacity_changed"
  | "capacity_out_of_range"
  | "config_unstable"
  | "features_refused"
  | "limit_out_of_range"
  | "mtu_out_of_range"
  | "needs_reset"
  | "no_version_1"
  | "queue_absent"
  | "queue_busy"
  | "queue_refused"
  | "queue_too_small"
  | "region_too_small"
  | "reset_refused"
  | "used_id_not_in_flight"
  | "used_index_jump"
  | "used_length_out_of_range"
  | "wrong_device";

/**
 * A device that does not keep the rules. The code is part of the name, because the boot tells no more
 * than the name of an error. Nothing that it wrote for the request in question was used,
 * and its driver stays broken: every later call fails with the same error.
 */
export class DriverError extends Error {
  override readonly name: string;
  readonly code: DriverErrorCode;
  /** Offset of the register or of the ring field at fault, in bytes. */
  readonly offset: number;

  constructor(code: DriverErrorCode, offset: number) {
    super(`Cannot drive device: ${code} at offset ${offset}`);
    this.name = `DriverError ${code}`;
    this.code = code;
    this.offset = offset;
  }
}

/** Keys that only the kernel's word can fill. Source: Open Nexus OS, logd, "security". */
const CLAIMED_KEYS = new Set(["sender_service_id", "service_id", "requester_id", "service"]);

/** Whether a record's fields claim who sent it: nobody but the kernel says that. */
export function claimsIdentity(fields: string): boolean {
  return fields.split("\n").some((line) => {
    const end = line.indexOf("=");
    return end >= 0 && CLAIMED_KEYS.has(line.slice(0, end).trim().toLowerCase());
  });
}

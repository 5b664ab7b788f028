import type { FromGuard, ToGuard } from "../pipe/pipe-messages.ts";
import { cutItems, revoke } from "./queue/claims.ts";

/** The guard's answer to the supervisor's request to give back runs or items that have not begun. */
export function answerClaim(
  claims: Int32Array<SharedArrayBuffer>,
  { t, id, slot }: Extract<ToGuard, { readonly t: "revoke" | "cut" }>,
): FromGuard {
  if (t === "cut") return { t, id, items: cutItems(claims, slot, id) };
  return { t: "revoked", id, ok: revoke(claims, slot, id) };
}

import type { FromGuard, ToGuard } from "../pipe/pipe-messages.ts";
import { cutItems, revoke } from "./queue/claims.ts";

/** What the guard does when runs or items are asked back that have not begun. */
export function answerClaim(
  claims: Int32Array<SharedArrayBuffer>,
  { t, id, slot }: Extract<ToGuard, { readonly t: "revoke" | "cut" }>,
): FromGuard {
  if (t === "cut") return { t, id, items: cutItems(claims, slot, id) };
  return { t: "revoked", id, ok: revoke(claims, slot, id) };
}

/**
 * Gives a connection URL without its user name, password and query values, for messages and logs. Also takes text that
 * is no valid URL, because error messages quote exactly those. Everything up to the last `@` is removed, since a
 * password that was not percent-encoded may itself contain `@`, `/` or `#`. The user name is removed too, because
 * people sometimes put the password there by mistake.
 *
 * @example
 * ```ts
 * redactUrl("rediss://app:secret@cache.example.com:6380/1"); // "rediss://***@cache.example.com:6380/1"
 * ```
 */
export function redactUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z0-9+.-]*:\/*)?[^]*@/i, (_all, scheme: string | undefined) => `${scheme ?? ""}***@`)
    .replace(/([?&][^=&]*)=[^&]*/g, "$1=***");
}

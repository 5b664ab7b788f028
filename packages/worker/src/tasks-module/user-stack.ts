/**
 * The stack of an error that a user's module threw while it was loaded: the user's own frames, and the position above them if it
 * is a syntax error. The frames of Node's loader, and of poolmq, which called it, are left out. `undefined` if only the message
 * would remain.
 */
export function userStack(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const own = new URL("..", import.meta.url).href;
  const lines = (error.stack ?? "").split("\n").filter((line) => {
    const isFrame = /^\s+at /.test(line);
    return !(isFrame && (line.includes(own) || /\bnode:(?:internal\/|diagnostics_channel:)/.test(line)));
  });
  return lines.length > 1 ? lines.join("\n") : undefined;
}

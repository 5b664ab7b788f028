import { Command } from "ioredis";
import type { Cluster, Redis } from "ioredis";
import type { Writable } from "node:stream";

/**
 * Sends a command whose reply may be large; gives its reply in bytes, or `undefined` if the connection was closed before it
 * came. A server closes a connection when a reply is more than its `client-output-buffer-limit`. The Redis client then sends
 * the command again on a new connection, for ever; this one is not, so that the caller can ask for less.
 *
 * @param key - one that the command reads
 */
export async function readOnce(
  redis: Redis | Cluster,
  name: string,
  args: readonly (string | number)[],
  key: string,
): Promise<{ readonly reply: unknown } | undefined> {
  const command = new ReadCommand(name, [...args], key);
  const reply: unknown = await redis.sendCommand(command);
  return command.isCut ? undefined : { reply };
}

/** When it is written for the second time, it asks for next to nothing. */
class ReadCommand extends Command {
  readonly #key: string;
  #isSent = false;
  isCut = false;

  constructor(name: string, args: (string | number)[], key: string) {
    super(name, args, { replyEncoding: null });
    this.#key = key;
  }

  override toWritable(socket: Writable): string | Buffer {
    if (this.#isSent) {
      this.isCut = true;
      this.name = "exists";
      this.args = [this.#key];
    }
    this.#isSent = true;
    return super.toWritable(socket);
  }
}

import { Command } from "ioredis";
import type { Cluster, Redis } from "ioredis";
import type { Writable } from "node:stream";

/**
 * Sends a command whose reply may be large. Gives the reply as bytes, or `undefined` if the connection was closed
 * before it came. A server closes a connection when a reply exceeds its `client-output-buffer-limit`. ioredis then
 * sends the command again on a new connection, for ever; this command is not sent again, so that the caller can ask for
 * less.
 *
 * @param key - a key that the command reads
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

/** A command that turns into a harmless EXISTS when ioredis writes it for the second time. */
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

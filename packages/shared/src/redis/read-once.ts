import { Command } from "../clients/clients.ts";
import type { Cluster, Redis } from "ioredis";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";

import { LargeReply } from "./large-replies.ts";

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
  isLarge = false,
): Promise<{ readonly reply: unknown } | undefined> {
  const large = isLarge && !redis.isCluster ? new LargeReply() : undefined;
  if (large !== undefined) void redis.ping(large.mark).catch(() => {});
  const command = new ReadCommand(name, [...args], key, large);
  try {
    const reply: unknown = await redis.sendCommand(command);
    const whole = large === undefined ? reply : large.complete(reply);
    return command.isCut ? undefined : { reply: whole };
  } catch (error) {
    large?.complete(undefined);
    throw error;
  }
}

/** A command that turns into a harmless EXISTS when ioredis writes it for the second time. */
class ReadCommand extends Command {
  readonly #key: string;
  readonly #large: LargeReply | undefined;
  #isSent = false;
  isCut = false;

  constructor(name: string, args: (string | number)[], key: string, large: LargeReply | undefined) {
    super(name, args, { replyEncoding: null });
    this.#key = key;
    this.#large = large;
  }

  override toWritable(socket: Writable): string | Buffer {
    if (this.#isSent) {
      this.isCut = true;
      this.name = "exists";
      this.args = [this.#key];
    } else {
      this.#large?.expectOn(socket as Socket);
    }
    this.#isSent = true;
    return super.toWritable(socket);
  }
}

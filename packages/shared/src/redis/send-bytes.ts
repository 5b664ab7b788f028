import { Command } from "ioredis";
import type { Cluster, Redis } from "ioredis";
import type { Writable } from "node:stream";

/**
 * Sends a command of which some arguments are large bytes. They are written as they are: ioredis puts all arguments
 * together in one copy first, which takes as long as Redis takes for all the rest, and then the garbage collector's time.
 */
export async function sendBytes(
  redis: Redis | Cluster,
  name: string,
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  return await redis.sendCommand(new BytesCommand(name, [...args], { replyEncoding: "utf8" }));
}

class BytesCommand extends Command {
  /** Writes all but the end, which ioredis writes. */
  override toWritable(socket: Writable): string {
    let text = `*${this.args.length + 1}\r\n$${this.name.length}\r\n${this.name}\r\n`;
    socket.cork();
    for (const arg of this.args as (string | Buffer)[]) {
      text += `$${Buffer.byteLength(arg)}\r\n`;
      if (typeof arg === "string") {
        text += `${arg}\r\n`;
      } else {
        socket.write(text);
        socket.write(arg);
        text = "\r\n";
      }
    }
    process.nextTick(() => socket.uncork());
    return text;
  }
}

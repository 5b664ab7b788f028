import { Command } from "../clients/clients.ts";
import type { Cluster, Redis } from "ioredis";
import type { Writable } from "node:stream";

import { lend } from "../values/memory.ts";

/**
 * Sends a command some of whose arguments are large buffers, and writes these to the socket without copying them.
 * ioredis would join all arguments in one copy, which takes as long as all of Redis's work on the command, and then
 * costs garbage collection.
 */
export async function sendBytes(
  redis: Redis | Cluster,
  name: string,
  args: readonly (string | number | Buffer)[],
): Promise<unknown> {
  const ends = args.flatMap((arg) => (typeof arg === "object" ? [lend(arg)] : []));
  // A command that fails may still be written by a connection that is being closed: then the memory stays lent.
  const reply = await redis.sendCommand(new BytesCommand(name, [...args], { replyEncoding: "utf8" }));
  for (const end of ends) end();
  return reply;
}

class BytesCommand extends Command {
  /** Writes all but the last piece, which it returns for ioredis to write. */
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

import { Command } from "../clients/clients.ts";
import type { Cluster, Redis } from "ioredis";
import type { Writable } from "node:stream";

import { lend } from "../values/memory.ts";

/** A part of a command. */
export type Argument = string | number | Buffer;

/**
 * Sends a command some of whose arguments are large buffers, and writes these to the socket without copying them.
 * ioredis would join all arguments in one copy, which takes as long as all of Redis's work on the command, and then
 * costs garbage collection.
 */
export async function sendBytes(
  redis: Redis | Cluster,
  name: string,
  args: readonly Argument[],
): Promise<unknown> {
  const ends = args.flatMap((arg) => (typeof arg === "object" ? [lend(arg)] : []));
  // A command that fails may still be written by a connection that is being closed: then the memory stays lent.
  const reply = await redis.sendCommand(new BytesCommand(name, [...args], { replyEncoding: "utf8" }));
  for (const end of ends) end();
  return reply;
}

class BytesCommand extends Command {
  override toWritable(socket: Writable): string {
    return writeAllButLast(socket, [[this.name, ...(this.args as (string | Buffer)[])]]);
  }
}

/** Writes commands, all but the last piece, which it returns for ioredis to write. */
export function writeAllButLast(socket: Writable, commands: readonly (readonly Argument[])[]): string {
  let text = "";
  socket.cork();
  for (const words of commands) {
    text += `*${words.length}\r\n`;
    for (const word of words) {
      if (typeof word === "object") {
        socket.write(`${text}$${word.length}\r\n`);
        socket.write(word);
        text = "\r\n";
      } else {
        text += `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`;
      }
    }
  }
  process.nextTick(() => socket.uncork());
  return text;
}

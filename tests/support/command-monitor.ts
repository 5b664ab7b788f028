/**
 * Redis's MONITOR on a connection of its own: each command that Redis carries out. ioredis has it too, but may take its first
 * lines for replies to commands of its own.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** `+1795857570.855782 [0 unix:/tmp/redis.sock] "unlink" "key"`. */
const LINE = /^\+\S+ \[\d+ (\S+)\] (.*)$/;
const WORD = /"((?:[^"\\]|\\.)*)"/g;

export class CommandMonitor implements Disposable {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /**
   * Resolves once Redis tells of every command.
   *
   * @param onCommand - called with the words of each; `isInScript` for those that scripts give
   */
  static async on(
    { socket: path }: { readonly socket: string },
    onCommand: (words: readonly string[], isInScript: boolean) => void,
  ): Promise<CommandMonitor> {
    const socket = connect(path);
    const lines = createInterface({ input: socket });
    socket.write("MONITOR\r\n");
    await once(lines, "line");
    lines.on("line", (line) => {
      const [, source = "", words = ""] = LINE.exec(line) ?? [];
      onCommand(
        [...words.matchAll(WORD)].map(([, word = ""]) => word),
        source === "lua",
      );
    });
    return new CommandMonitor(socket);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

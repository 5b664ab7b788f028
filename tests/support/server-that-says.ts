import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

import { onTestFinished } from "vitest";

import { commandWords, FrameReader } from "./resp.ts";

/** A server that answers INFO with these lines, in place of versions that can't be installed. */
export async function serverThatSays(info: string): Promise<string> {
  const server = createServer((socket) => {
    const reader = new FrameReader();
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      for (const frame of reader.push(chunk)) {
        const name = commandWords(frame)[0]?.toLowerCase();
        if (name === "info") socket.write(`$${info.length}\r\n${info}\r\n`);
        else socket.write(name === "hello" ? "-ERR unknown command `hello`\r\n" : "+OK\r\n");
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

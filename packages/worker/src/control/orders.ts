/** Sends messages to the machines of a queue, signed if there is a key. */

import type { Cluster, Redis } from "ioredis";

import { CANCEL_TTL_MS, Machines, queueKeys } from "@poolmq/shared/redis";
import type { ControlMessage, Signer } from "@poolmq/shared/internal";
import type { QueueKeys } from "@poolmq/shared/redis";

import type { ControlOptions } from "./control-options.ts";

export class Orders {
  readonly keys: QueueKeys;
  readonly by: string;
  readonly #redis: Redis | Cluster;
  readonly #signer: Signer | undefined;

  constructor(redis: Redis | Cluster, { queue, prefix, signingKeys, by = "somebody" }: ControlOptions) {
    this.keys = queueKeys(queue, prefix);
    this.by = by;
    this.#redis = redis;
    this.#signer = signingKeys?.signer(this.keys);
  }

  /** True if the queue's machines take only signed messages and there is no key here to sign with. */
  async lackKey(): Promise<boolean> {
    if (this.#signer !== undefined) return false;
    const machines = await new Machines(this.#redis, this.keys).live();
    return machines.some(({ keys }) => keys !== undefined);
  }

  signed(message: ControlMessage): ControlMessage {
    if (this.#signer === undefined) return message;
    return this.#signer.signObject("control", { ...message, expiresAt: Date.now() + CANCEL_TTL_MS });
  }

  /** Sends to all machines that listen. Gives whether one does, as far as that is known. */
  async send(message: ControlMessage): Promise<boolean> {
    const heard = await this.#redis.publish(this.keys.control, JSON.stringify(this.signed(message)));
    // A node of a Cluster counts only those that listen to itself.
    return heard > 0 || this.#redis.isCluster;
  }

  /** Tells all machines what was done, so that they log it. Gives what `send` does. */
  async note(what: string): Promise<boolean> {
    return await this.send({ t: "notice", what, by: this.by });
  }
}

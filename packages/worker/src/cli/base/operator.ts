/** The operator's name, for the machines' logs, and the key that signs orders. */

import { hostname } from "node:os";

import { Option } from "commander";

import { resolveSigningKeys, userName } from "@poolmq/shared/internal";
import type { SigningKeys } from "@poolmq/shared/internal";

import { readSigningKeys } from "./read-signing-keys.ts";
import type { QueueFlags } from "./queue-command.ts";

export interface OperatorFlags extends QueueFlags {
  readonly signingKeyFile?: string;
}

/** @param what - what the key is for */
export function signingKeyOption(what = "sign what machines are asked"): Option {
  return new Option(
    "--signing-key-file <path>",
    `${what}, on a queue whose workers have a signing key (or POOLMQ_SIGNING_KEY: the key itself)`,
  ).env("POOLMQ_SIGNING_KEY_FILE");
}

export function signingKeysOf({
  signingKeyFile: file,
}: Pick<OperatorFlags, "signingKeyFile">): SigningKeys | undefined {
  return resolveSigningKeys(file === undefined ? undefined : readSigningKeys(file));
}

/** `user@host` of whoever runs the command. */
export function whoAmI(): string {
  return `${userName("?")}@${hostname()}`;
}

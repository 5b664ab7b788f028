/**
 * A job that was on this many machines when they vanished is given up: it may be what ends them. Higher than
 * `workerLossAttempts`, because a dead machine does not say which of its items did it.
 */
export const MACHINE_LOSS_ATTEMPTS = 10;

/**
 * A job that was on this many machines when they vanished is given up, because it may be what ends them. The number is
 * higher than `workerLossAttempts`, because a dead machine does not say which of its items did it.
 */
export const MACHINE_LOSS_ATTEMPTS = 10;

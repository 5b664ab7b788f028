"""The functions of tasks.ts, in Python."""

import time


def increment(x):
    return x + 1


def spin(ms):
    end = time.process_time_ns() + ms * 1_000_000
    while time.process_time_ns() < end:
        pass
    return ms

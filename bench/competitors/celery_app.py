"""The tasks of the Celery competitor, loaded by its workers and by its producer."""

import os
import pathlib
import sys

import celery

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import tasks

app = celery.Celery("bench", broker=os.environ["BENCH_REDIS"], backend=os.environ["BENCH_REDIS"])
# A worker that fetches tasks ahead is faster with tiny ones; 4 by default.
app.conf.worker_prefetch_multiplier = 50

increment = app.task(tasks.increment, name="increment")
spin = app.task(tasks.spin, name="spin")

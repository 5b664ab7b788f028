"""Celery: a group of tasks, with Redis as broker and result backend, and prefork workers."""

import os
import subprocess
import sys

from serve import arguments_of, read_setup, serve, timed_calls, timed_map

setup = read_setup()
os.environ["BENCH_REDIS"] = setup["redis"]
folder = os.path.dirname(os.path.abspath(__file__))

import celery

import celery_app

# No talk among workers; what they print is not our reply.
worker = subprocess.Popen(
    [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "--pool", "prefork", "--loglevel", "ERROR"]
    + ["--concurrency", str(setup["processes"]), "--without-gossip", "--without-mingle", "--without-heartbeat"],
    cwd=folder,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)


def map_(request):
    items = arguments_of(request["args"])
    task = getattr(celery_app, request["task"])
    return timed_map(lambda: celery.group(task.s(item) for item in items).apply_async().get())


def calls(request):
    return {"ms": timed_calls(request["count"], lambda i: celery_app.increment.delay(i).get())}


try:
    celery_app.increment.delay(0).get(timeout=60)
    serve({"map": map_, "calls": calls})
finally:
    worker.terminate()
    worker.wait()

"""The loop of a competitor's program, as in serve.ts: answers requests until stdin ends."""

import gc
import json
import pathlib
import sys
import time

# For tasks.py.
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))


def read_setup():
    return json.loads(sys.argv[1])


def serve(handlers):
    answer({"ready": True})
    for line in sys.stdin:
        message = json.loads(line)
        gc.collect()
        try:
            answer(handlers[message["operation"]](message["request"]))
        except Exception as error:
            answer({"error": repr(error)})


def answer(reply):
    print(json.dumps(reply), flush=True)


def arguments_of(args):
    return list(range(args["range"])) if "range" in args else args["list"]


def timed_map(map_):
    started = time.perf_counter()
    results = map_()
    ms = (time.perf_counter() - started) * 1000
    return {"ms": ms, "sum": sum(results)}


def timed_calls(count, call):
    times = []
    for i in range(count):
        started = time.perf_counter()
        call(i)
        times.append((time.perf_counter() - started) * 1000)
    return times

"""CPython's own multiprocessing.Pool: the original, in memory and on one machine."""

import multiprocessing

from serve import arguments_of, read_setup, serve, timed_calls, timed_map

import tasks


def main():
    setup = read_setup()
    with multiprocessing.Pool(setup["processes"]) as pool:

        def map_(request):
            items = arguments_of(request["args"])
            chunksize = request.get("chunksize")
            chunksize = None if chunksize == "auto" else chunksize
            return timed_map(lambda: pool.map(getattr(tasks, request["task"]), items, chunksize))

        def calls(request):
            return {"ms": timed_calls(request["count"], lambda i: pool.apply(tasks.increment, (i,)))}

        serve({"map": map_, "calls": calls})


if __name__ == "__main__":
    main()

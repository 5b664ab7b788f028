"""Dask's distributed scheduler with worker processes of one thread each."""

import logging

import distributed
from serve import arguments_of, read_setup, serve, timed_calls, timed_map

import tasks


def main():
    setup = read_setup()
    with distributed.LocalCluster(
        n_workers=setup["processes"],
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        silence_logs=logging.ERROR,
    ) as cluster, distributed.Client(cluster) as client:

        def map_(request):
            items = arguments_of(request["args"])
            function = getattr(tasks, request["task"])
            # Else it takes calls with the same argument for the same call.
            return timed_map(lambda: client.gather(client.map(function, items, pure=False)))

        def calls(request):
            call = lambda i: client.submit(tasks.increment, i, pure=False).result()
            return {"ms": timed_calls(request["count"], call)}

        serve({"map": map_, "calls": calls})


if __name__ == "__main__":
    main()

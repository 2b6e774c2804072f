"""Where is the bottleneck with a hundred workers and a million files? Discrete events, with measured costs.

    python -m utils.classroom.simulation      with the costs below; `make bench ARGS=class` measures them anew

Three kinds of server, each doing one thing at a time: the client (reads files, sends batches, writes rows), the
scheduler, and the workers. The client keeps two batches for each worker on their way, as `utils.classroom.flight` does.
Not in it: the network's bandwidth (a million files of 3 kB are 3 GB), retries, and workers that fail.
"""

import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Seconds of one core. The defaults were measured on a busy machine of two cores; their proportions matter."""

    client_file: float = 0.00013  # find, read, digest, write the row
    client_batch: float = 0.0022  # serialise, send, fetch
    scheduler_batch: float = 0.0026  # all messages of one task
    worker_batch: float = 0.0024  # receive, start, send back
    worker_file: float = 0.0153  # take apart, run the answer in its child
    judge_file: float = 0.0016  # judge the outcomes
    latency: float = 0.0005  # of a message, one way


@dataclass(frozen=True)
class Outcome:
    """What a simulated run comes to."""

    seconds: float
    busy: dict[str, float]  # client, scheduler, workers → share of the time that they had something to do
    rate: float  # files a second

    @property
    def bottleneck(self) -> str:
        """Who is busiest."""
        return max(self.busy, key=self.busy.get)


def simulate(costs: Costs, workers: int, files: int, batch: int, client_judges: bool = False) -> Outcome:
    """One run of a class of so many files, in batches of so many at most."""
    there, here = (0.0, costs.judge_file) if client_judges else (costs.judge_file, 0.0)
    servers = _Servers(["client", "scheduler", *range(workers)], costs.latency)
    left = files

    def send(worker: int) -> None:
        nonlocal left
        size = min(batch, left, max(1, left // (4 * workers)))
        left -= size
        way_out = [
            ("client", size * costs.client_file / 2 + costs.client_batch / 2),
            ("scheduler", costs.scheduler_batch / 2),
        ]
        work = [(worker, size * (costs.worker_file + there) + costs.worker_batch)]
        way_back = [
            ("scheduler", costs.scheduler_batch / 2),
            ("client", size * (costs.client_file / 2 + here) + costs.client_batch / 2),
        ]
        if size:
            servers.visit([*way_out, *work, *way_back], lambda: send(worker))

    for worker in [*range(workers)] * 2:
        send(worker)
    seconds = servers.run()
    busy = servers.busy
    spent = {
        "client": busy["client"],
        "scheduler": busy["scheduler"],
        "workers": sum(map(busy.get, range(workers))) / workers,
    }
    return Outcome(seconds, {name: share / seconds for name, share in spent.items()}, files / seconds)


class _Servers:
    """Each does one thing at a time, in the order in which things come."""

    def __init__(self, names: list, latency: float) -> None:
        self.latency, self.now = latency, 0.0
        self.busy = dict.fromkeys(names, 0.0)  # seconds
        self._free = dict(self.busy)  # from when on
        self._events, self._number = [], itertools.count()

    def visit(self, steps: list, done: Callable[[], None]) -> None:
        """One after the other: (server, seconds there)."""
        heapq.heappush(self._events, (self.now, next(self._number), deque(steps), done))

    def run(self) -> float:
        """Until nothing is left; the time of the last event."""
        while self._events:
            self.now, _, steps, done = heapq.heappop(self._events)
            if not steps:
                done()
                continue
            name, seconds = steps.popleft()
            self._free[name] = max(self._free[name], self.now) + seconds
            self.busy[name] += seconds
            heapq.heappush(self._events, (self._free[name] + self.latency, next(self._number), steps, done))
        return self.now


def rows(costs: Costs = Costs(), files: int = 1_000_000) -> list[tuple[str, str, str]]:
    """The table of `make bench ARGS=class`: a hundred workers, a million files; then other numbers of workers."""
    table = []
    for words, batch, judges in (
        ("batches of 128, workers judge (as built)", 128, False), ("one file a batch, workers judge", 1, False),
        ("batches of 8, workers judge", 8, False), ("batches of 32, workers judge", 32, False),
        ("batches of 128, the client judges", 128, True),
    ):  # fmt: skip
        made = simulate(costs, 100, files // 10 if batch == 1 else files, batch, judges)  # the rate is the same
        shares = ", ".join(f"{name} {share:.0%}" for name, share in made.busy.items())
        table.append((f"  {words}", f"{files / made.rate:,.0f} s, busy: {shares}", f"limit: the {made.bottleneck}"))
    for workers in (10, 50, 200, 400):
        made = simulate(costs, workers, files, 128)
        rate, share = f"{made.rate:,.0f} files a second", f"workers busy {made.busy['workers']:.0%}"
        table.append((f"  as built, {workers} workers", rate, share))
    return table


if __name__ == "__main__":
    print(Costs())
    for row in rows():
        print(f"{row[0]:<44} {row[1]:<64} {row[2]}")

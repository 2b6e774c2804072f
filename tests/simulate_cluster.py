"""Where is the bottleneck with a hundred workers and a million files? Discrete events, with measured costs.

    python tests/simulate_cluster.py      with the costs below; `make bench ARGS=class` measures them anew

Three kinds of server, each doing one thing at a time: the client (reads files, sends batches, writes rows), the
scheduler, and the workers. The client keeps two batches for each worker on their way, as `utils.classroom.flight` does.
Not in it: the network's bandwidth (a million files of 3 kB are 3 GB), retries, and workers that fail.
"""

import heapq
import itertools
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Seconds of one core. The defaults were measured on one machine; only their proportions matter."""

    client_file: float = 0.00012  # find, read, digest, write the row
    client_batch: float = 0.0012  # serialise, send, fetch
    scheduler_batch: float = 0.0010  # all messages of one task
    worker_batch: float = 0.0020  # receive, start, send back
    worker_file: float = 0.0100  # take apart, run the answer in its child
    judge_file: float = 0.0030  # judge the outcomes
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


def simulate(
    costs: Costs, workers: int, files: int, batch: int, client_judges: bool = False, slow: tuple[float, int] = (1.0, 0)
) -> Outcome:
    """One run. `slow` = (times as slow, so many workers): machines are not alike."""
    judge_there, judge_here = (0.0, costs.judge_file) if client_judges else (costs.judge_file, 0.0)
    line = _Line(
        itertools.count(), [], {"client": 0.0, "scheduler": 0.0} | {f"worker {i}": 0.0 for i in range(workers)}
    )
    left = files

    def send(worker: int) -> None:
        nonlocal left
        size = min(batch, left, max(1, left // (4 * workers)))
        left -= size
        if not size:
            return
        work = size * (costs.worker_file + judge_there) * (slow[0] if worker < slow[1] else 1.0)
        line.pass_through(
            [("client", size * costs.client_file / 2 + costs.client_batch / 2), ("scheduler", costs.scheduler_batch / 2),
             (f"worker {worker}", work + costs.worker_batch), ("scheduler", costs.scheduler_batch / 2),
             ("client", size * (costs.client_file / 2 + judge_here) + costs.client_batch / 2)],
            costs.latency, lambda: send(worker),
        )  # fmt: skip

    for worker in [*range(workers)] * 2:
        send(worker)
    seconds = line.run()
    busy = line.busy
    everyone = sum(spent for name, spent in busy.items() if name.startswith("worker")) / workers
    shares = {"client": busy["client"], "scheduler": busy["scheduler"], "workers": everyone}
    return Outcome(seconds, {name: spent / seconds for name, spent in shares.items()}, files / seconds)


@dataclass
class _Line:
    """Servers that do one thing at a time, in the order in which it comes."""

    number: itertools.count
    events: list
    busy: dict[str, float]

    now: float = 0.0

    def pass_through(self, steps: list, latency: float, done: object) -> None:
        heapq.heappush(self.events, (self.now, next(self.number), deque(steps), latency, done))

    def run(self) -> float:
        """Work all events off; returns the time of the last one."""
        free = dict.fromkeys(self.busy, 0.0)
        while self.events:
            self.now, _, steps, latency, done = heapq.heappop(self.events)
            if not steps:
                done()
                continue
            name, cost = steps.popleft()
            free[name] = max(free[name], self.now) + cost
            self.busy[name] += cost
            heapq.heappush(self.events, (free[name] + latency, next(self.number), steps, latency, done))
        return self.now


def rows(costs: Costs = Costs()) -> list[tuple[str, str, str]]:
    """The table of `make bench ARGS=class`: 100 workers, a million files."""
    table = []
    for words, batch, judges in (
        ("batches of 128, workers judge (as built)", 128, False), ("one file a batch, workers judge", 1, False),
        ("batches of 8, workers judge", 8, False), ("batches of 32, workers judge", 32, False),
        ("batches of 128, the client judges", 128, True),
    ):  # fmt: skip
        files = 1_000_000 if batch > 1 else 100_000  # the rate is the same, and a tenth of the events
        made = simulate(costs, 100, files, batch, judges)
        shares = ", ".join(f"{name} {share:.0%}" for name, share in made.busy.items())
        table.append((f"  {words}", f"{1e6 / made.rate:,.0f} s, busy: {shares}", f"limit: the {made.bottleneck}"))
    for workers in (10, 50, 200, 400):
        made = simulate(costs, workers, 400_000, 128)
        table.append(
            (
                f"  as built, {workers} workers",
                f"{made.rate:,.0f} files a second",
                f"workers busy {made.busy['workers']:.0%}",
            )
        )
    return table


if __name__ == "__main__":
    print(Costs())
    for row in rows():
        print(f"{row[0]:<44} {row[1]:<64} {row[2]}")

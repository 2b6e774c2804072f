"""The simulation of a large cluster: what must hold of it whatever the costs are."""

import pytest

from utils.classroom.simulation import Costs, rows, simulate

COSTS = Costs(client_file=0.00012, client_batch=0.0012, scheduler_batch=0.001, worker_batch=0.002, worker_file=0.01,
              judge_file=0.003, latency=0.0005)  # fmt: skip
IDLE = Costs(
    client_file=0, client_batch=0, scheduler_batch=0, worker_batch=0, worker_file=0.01, judge_file=0.002, latency=0
)


@pytest.mark.parametrize("workers", [1, 7])
def test_without_costs_elsewhere_the_workers_share_the_work(workers):
    """The time is the work divided by the workers; nobody is busier than all the time."""
    made = simulate(IDLE, workers, 7000, 32)

    assert made.seconds == pytest.approx(7000 * 0.012 / workers, rel=0.02)
    assert "workers" == made.bottleneck
    assert made.busy["workers"] == pytest.approx(1, abs=0.02)


def test_a_client_that_judges_is_the_bottleneck():
    """A hundred workers then wait for one process: its cost for a file is the time of the run."""
    costs = COSTS
    made = simulate(costs, 100, 20_000, 128, client_judges=True)

    assert "client" == made.bottleneck
    assert made.seconds == pytest.approx(20_000 * (costs.client_file + costs.judge_file), rel=0.1)
    assert made.rate < simulate(costs, 100, 20_000, 128).rate / 10


def test_batches_take_the_load_off_client_and_scheduler():
    """One file a batch leaves most workers idle; every file is graded in either way."""
    few, many = (simulate(COSTS, 100, 20_000, batch) for batch in (1, 128))

    assert few.busy["workers"] < 0.5 < many.busy["workers"]
    assert few.seconds > 3 * many.seconds


def test_the_table_says_who_is_the_limit():
    """A row for each way to build it, and for other sizes of the cluster."""
    table = rows(COSTS, files=20_000)

    assert 9 == len(table)
    assert ["limit: the client"] == [limit for words, _, limit in table if "client judges" in words]

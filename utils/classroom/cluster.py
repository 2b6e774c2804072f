"""Where a class is graded: processes on this machine, or a cluster that runs already. The same code for both."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker

import dask
from distributed import Client, LocalCluster
from distributed.comm.addressing import parse_address, parse_host_port
from distributed.comm.registry import get_backend

from utils.classroom import grader
from utils.grading import catalogue

_CONFIG = {
    "distributed.worker.profile.enabled": False,  # a hundred looks a second at what each thread does
    "distributed.admin.large-graph-warning-threshold": "1 GB",  # a notebook with pictures is no mistake
}
_LOCAL = {
    "threads_per_worker": 1,
    "host": "127.0.0.1",
    "memory_limit": 0,  # what a file may take is bounded where it runs; Dask's worker itself takes little
    "silence_logs": logging.CRITICAL,
    # A batch whose worker died is given to one more; when that dies too, its files are tried one by one.
    # Its page of figures has no use here, and its usual port may be taken.
    "scheduler_kwargs": {"allowed_failures": 1, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
}


class ClusterError(Exception):
    """The cluster cannot be used, or is gone; the message is one line."""


@contextmanager
def connected(scheduler: str | None, workers: int) -> Iterator[Client]:
    """A client of the scheduler at that address, or of so many processes on this machine, which end with it."""
    for name in [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what they have to say is said in one line, by us
    with dask.config.set(_CONFIG):
        if scheduler:
            with _client(scheduler) as client:
                yield client
        else:
            with _local(workers) as here, _client(here) as client:
                yield client


@contextmanager
def _local(workers: int) -> Iterator[LocalCluster]:
    try:
        with _no_interrupt():  # the thread that starts workers, now and later, is made here
            cluster = LocalCluster(n_workers=workers, **_LOCAL)
    except (OSError, RuntimeError) as error:
        raise ClusterError(f"no workers can be started on this machine ({' '.join(str(error).split())}).") from None
    try:
        yield cluster
    finally:
        with _no_interrupt():
            cluster.close()


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ctrl-C waits until this has ended, and never reaches a thread or process that is started in it.

    A terminal sends Ctrl-C to every process of a command. A worker that heard of it would print a traceback; the
    client hears of it and ends them all. A blocked signal is inherited, a handler is not.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # or it is started by the first worker's start, which unblocks Ctrl-C again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _client(where: str | LocalCluster) -> Iterator[Client]:
    try:
        if isinstance(where, str):  # a client with an address that is none hangs at its end
            scheme, place = parse_address(where)
            get_backend(scheme)
            parse_host_port(place)
        client = Client(where, set_as_default=False)
    except (OSError, ValueError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise ClusterError(f"no Dask scheduler answers at {where} ({words}).") from None
    try:
        _same_course(client)
        yield client
    finally:
        with _no_interrupt():
            if client.status == "running":
                with suppress(Exception):  # a worker that dies just now takes its graders along
                    client.run(grader.close, on_error="ignore")
            client.close(timeout=5)


def _same_course(client: Client) -> None:
    """ClusterError where a worker lacks the course, or has another edition."""
    mine = catalogue.edition()
    for worker, edition in client.run(catalogue.edition, on_error="return").items():
        if isinstance(edition, BaseException):
            words = " ".join(str(edition).split())
            raise ClusterError(f"the worker {worker} cannot use the course ({words}); install it there.")
        if edition != mine:
            raise ClusterError(f"the worker {worker} has edition {edition} of the course, this machine {mine}.")


def size(client: Client) -> tuple[int, int]:
    """(how many files the cluster grades at once, on how many machines), as of now; OSError when it is gone."""
    if client.status != "running":
        raise OSError("not connected")
    workers = client.scheduler_info()["workers"].values()
    return sum(worker["nthreads"] for worker in workers), len({worker["host"] for worker in workers})

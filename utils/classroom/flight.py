"""Batches on their way to a cluster and back, and what may happen to them there."""

import queue
import time
from concurrent.futures import CancelledError
from contextlib import suppress

from distributed import Client, Future, KilledWorker

from utils.classroom import cluster, grader
from utils.classroom.cluster import ClusterError
from utils.classroom.grader import EditionError, Job

LOOK = 3.0  # seconds between two looks at the cluster
PATIENCE = 60.0  # seconds to wait for a worker where there is none
LOAD = 256 << 20  # bytes of files on their way at a time; one batch more goes where less is
FETCH = 5.0  # seconds for a batch's rows to come; its worker may have died, and another grades it again
DIED = "its worker process died, more than once, while it was graded."


class Flight:
    """Some batches at a time: enough that no worker waits for the next one, never more."""

    def __init__(self, client: Client, timeout: float, edition: str) -> None:
        self.client, self.timeout, self.edition = client, timeout, edition
        self._flying: dict[str, tuple[Future, list]] = {}
        self._bytes: dict[str, int] = {}
        self._landed: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._seen = time.monotonic()
        self._look()

    def __len__(self) -> int:
        return len(self._flying)

    def has_room(self, alone: bool) -> bool:
        """Alone: one at a time on each machine. Else one for each thread, and one that waits there.

        Where there is no worker yet, one batch waits for it.
        """
        most = max(1, self.hosts if alone else 2 * self.threads)
        return len(self) < most and sum(self._bytes.values()) < LOAD

    def send(self, batch: list, jobs: list[Job]) -> None:
        """Give a batch to the cluster."""
        future = self.client.submit(grader.grade, jobs, self.timeout, self.edition, pure=False)
        self._flying[future.key] = future, batch
        self._bytes[future.key] = sum(len(job.data) for job in jobs)
        future.add_done_callback(self._landed.put)

    def landed(self) -> tuple[list, list[list[dict]], str]:
        """(a batch, the rows of its first files, what happened to the rest): waits for one. ClusterError if none comes.

        With "" for what happened, the rest had no time yet.
        """
        while True:
            future = self._next()
            try:
                rows, fault = future.result(timeout=FETCH), ""
            except TimeoutError:
                future.add_done_callback(self._landed.put)
                continue
            except (KilledWorker, EditionError, CancelledError, Exception) as error:
                rows, fault = [], self._fault(error)
            del self._bytes[future.key]
            return self._flying.pop(future.key)[1], rows, fault

    def _fault(self, error: BaseException) -> str:
        """Why there are no rows, in the words of a verdict; ClusterError where no other batch will have any."""
        if isinstance(error, EditionError):
            raise ClusterError(f"{error} Install the same course there.") from None
        if isinstance(error, CancelledError):
            raise ClusterError("the connection to the scheduler is lost.") from None
        return DIED if isinstance(error, KilledWorker) else f"its worker failed ({type(error).__name__}: {error})."

    def _next(self) -> Future:
        while True:
            if time.monotonic() - self._looked > LOOK:
                self._look()
            with suppress(queue.Empty):
                return self._landed.get(timeout=LOOK)

    def _look(self) -> None:
        """Note how many workers there are by now; ClusterError where there is no scheduler, or no worker for long."""
        try:
            self.threads, self.hosts = cluster.size(self.client)
        except (OSError, TimeoutError, RuntimeError, CancelledError):  # distributed's own errors are OSErrors
            raise ClusterError("the connection to the scheduler is lost.") from None
        self._looked = time.monotonic()
        if self.threads:
            self._seen = self._looked
        elif self._looked - self._seen > PATIENCE:
            raise ClusterError(f"there has been no worker for {PATIENCE:g} s.")

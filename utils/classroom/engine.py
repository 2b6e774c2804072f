"""Grade a class on a cluster: submissions → batches → rows in the ledger. Stop it anywhere, run it again, it goes on.

Never more batches are on their way than keep the workers busy, so memory does not grow with the class. A file that ran
into a limit, or whose worker died, is graded a second time, alone, when all others are done; then its rows are final.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from distributed import Client

from utils.classroom.flight import Flight
from utils.classroom.grader import Job
from utils.classroom.owners import kind
from utils.classroom.results import Result, Results
from utils.classroom.submissions import Source, Submission, beside
from utils.grading import report
from utils.sandbox.batch import LIMITS, digest_of, unread
from utils.sandbox.file import NoTextError
from utils.sandbox.ledger import digest_of_all

BATCH = 128  # files in a batch at most; utils.classroom.simulation says why
BYTES = 4 << 20  # of a batch of more than one file


@dataclass(frozen=True)
class Ticket:
    """A file on its way."""

    submission: Submission
    job: Job
    digest: str
    beside: str


@dataclass
class Tally:
    """What came of a run."""

    files: int = 0
    graded: int = 0  # in this run
    kept: int = 0  # finished by an earlier one
    retried: int = 0
    statuses: Counter = field(default_factory=Counter)  # of this run's rows
    students: set[str] = field(default_factory=set)

    def to_json(self) -> dict:
        """Numbers, for `--json`."""
        names = ("files", "graded", "kept", "retried")
        return {name: getattr(self, name) for name in names} | {
            "students": len(self.students), "statuses": dict(self.statuses.most_common()),
        }  # fmt: skip


class Engine:
    """One run. `told` is called for each file whose rows are written, or that is finished already."""

    def __init__(
        self,
        source: Source,
        ledger: Results,
        client: Client,
        timeout: float,
        told: Callable[[], None] = lambda: None,
        flight: Flight | None = None,
    ) -> None:
        self.source, self.ledger, self.told = source, ledger, told
        self.flight = Flight(client, timeout, ledger.edition) if flight is None else flight
        self.tally = Tally()
        self.total = 0  # files there are

    def run(self) -> Tally:
        """Grade all that is new or changed; ClusterError where the cluster is lost, with all finished rows written."""
        self.total = sum(1 for _ in self.source.submissions())
        again = self._round(self._tickets(self.source.submissions()))
        self.tally.retried = len(again)
        self._round(self._tickets(again), alone=True)
        return self.tally

    # ---- what there is to do --------------------------------------------------------------------------------------

    def _tickets(self, submissions: Iterable[Submission]) -> Iterator[Ticket]:
        """The files to be graded; the rows of others are written as they are met."""
        for submission in submissions:
            self.tally.students.add(submission.owner.student)
            try:
                ticket = self._ticket(submission)
            except NoTextError as error:
                if not self._has(submission, "", ""):
                    self._write(submission, "", "", [_row(str(error))])
                continue
            if not self._has(submission, ticket.digest, ticket.beside):
                yield ticket

    def _ticket(self, submission: Submission) -> Ticket:
        if submission.trouble:
            raise NoTextError(submission.trouble)
        data = self.source.content(submission)
        modules = beside(self.source, submission, data)
        own = submission.owner.original
        job = Job(f"{submission.question or own.rpartition('.')[0]}{kind(own)}", data, modules)
        others = digest_of_all({name: text.encode() for name, text in modules.items()})
        return Ticket(submission, job, digest_of(data), others)

    def _has(self, submission: Submission, digest: str, others: str) -> bool:
        kept = self.ledger.has(submission.file, digest, others)
        if kept:
            self.tally.kept += 1
            self._count()
        return kept

    # ---- grading --------------------------------------------------------------------------------------------------

    def _round(self, tickets: Iterator[Ticket], alone: bool = False) -> list[Submission]:
        """Grade them all; returns those that have to be tried again. Alone: one file at a time on each machine."""
        again: list[Submission] = []
        rest: deque[Ticket] = deque()  # what a batch had no time for
        while True:
            while self.flight.has_room(alone) and (batch := self._batch(rest, tickets, alone)):
                self.flight.send(batch, [ticket.job for ticket in batch])
            if not self.flight:
                return again
            batch, done, fault = self.flight.landed()
            left = batch[len(done) :]
            if fault:
                done, left = [*done, *([_row(fault, report.MACHINE)] for _ in left)], []
            rest.extend(left)
            for ticket, rows in zip(batch, done, strict=False):
                if not alone and any(row["status"] in LIMITS for row in rows):
                    again.append(ticket.submission)
                else:
                    self._write(ticket.submission, ticket.digest, ticket.beside, rows, alone)

    def _batch(self, rest: deque[Ticket], tickets: Iterator[Ticket], alone: bool) -> list[Ticket]:
        """The next files: fewer where few are left, so that no worker waits for another's long batch."""
        left = self.total - self.tally.files
        most = 1 if alone else max(1, min(BATCH, left // (4 * max(1, self.flight.threads))))
        batch, size = [], 0
        while len(batch) < most and size < BYTES:
            ticket = rest.popleft() if rest else next(tickets, None)
            if ticket is None:
                break
            batch.append(ticket)
            size += len(ticket.job.data)
        return batch

    def _write(self, submission: Submission, digest: str, others: str, rows: list[dict], retried: bool = False) -> None:
        who = submission.owner
        about = dict(student=who.student, name=who.name, number=who.number, late=who.late, file=submission.file,
                     submitted=submission.submitted, digest=digest, beside=others, edition=self.ledger.edition,
                     limit=self.ledger.limit, retried=retried, rows=len(rows),
                     graded=datetime.now(UTC).isoformat(timespec="milliseconds"))  # fmt: skip
        self.ledger.write([Result(**row, **about) for row in rows])
        self.tally.graded += 1
        self.tally.statuses.update(row["status"] for row in rows)
        self._count()

    def _count(self) -> None:
        self.tally.files += 1
        self.told()


def _row(message: str, status: str = report.ERROR) -> dict:
    """The row of a file of which nothing was graded."""
    verdict = unread(message).to_json()
    return verdict | {"exercise": None, "status": status, "seconds": 0.0}

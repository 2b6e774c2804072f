"""A child of `spawning.py`: takes files apart, then runs one answer, and is gone."""

import os
import sys
import threading
from typing import BinaryIO

from utils.grading import codec
from utils.sandbox import child, limits
from utils.sandbox.frames import private, receive, write


def main() -> None:
    """Do one job after the other until the pipe ends. Before each it says its number: its imports are over."""
    limits.die_with_parent()
    jobs, writer = private()
    child.prepare()
    if "torch" in sys.argv:
        child.load_torch()
    while True:
        job, body = codec.from_bytes(receive(jobs)), receive(jobs)
        exercise = child.warm(job)
        write(writer, str(os.getpid()).encode())
        if exercise is None:
            write(writer, codec.to_bytes(child.definitions(job, body)))
            continue
        threading.Thread(target=_end_with_parent, args=(jobs,), daemon=True).start()
        child.run_answer(job, exercise, body, writer, job["folder of its own"])


def _end_with_parent(jobs: BinaryIO) -> None:
    """Nothing more is sent: what comes is the end of the pipe, and with it of whoever would want the answer."""
    jobs.read(1)
    os._exit(1)


if __name__ == "__main__":
    try:
        main()
    except EOFError:
        sys.exit()

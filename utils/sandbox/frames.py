"""Blocks of bytes on a pipe, each led by its length."""

import os
import struct
from typing import BinaryIO

LENGTH = struct.Struct("<Q")


def send(stream: BinaryIO, data: bytes) -> None:
    """Write one block."""
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def write(fd: int, data: bytes) -> None:
    """The same to a descriptor."""
    data = LENGTH.pack(len(data)) + data
    while data:
        data = data[os.write(fd, data) :]


def receive(stream: BinaryIO, most: int | None = None) -> bytes:
    """Read one block; EOFError when the other end is gone, ValueError for one that is longer than `most`."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    length = LENGTH.unpack(head)[0]
    if most is not None and length > most:
        raise ValueError(f"a block of {length} bytes")
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def private() -> tuple[BinaryIO, int]:
    """This process's pipes, moved away from where `input` and `print` look for theirs, which find and cost nothing."""
    ends = os.dup(0), os.dup(1)
    if os.name == "nt":
        import msvcrt

        for fd in ends:
            msvcrt.setmode(fd, os.O_BINARY)
    silence = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(silence, fd)
    return os.fdopen(ends[0], "rb"), ends[1]

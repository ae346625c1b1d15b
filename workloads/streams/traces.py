"""Recorded address traces: ChampSim's instruction records, and the text of valgrind's lackey.

Files may be compressed with gzip or xz. They are read block by block, and again for each run. Both
give every instruction's fetch if it is the first in its 64-byte line (or none, if so wished), then
its loads, then its stores; sizes are not kept, so an access that crosses a line counts once.
Addresses of the kernel, the upper canonical half, lose the bits above the 47 lowest.
"""

import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, cast

from lockstep.arch.error import InputError, show, suggest
from lockstep.workloads.streams.champsim import read_champsim
from lockstep.workloads.streams.chunk import Chunk, Run, Stream

_GZIP, _XZ = b"\x1f\x8b", b"\xfd7zXZ\x00"
_SNIFFED_BYTES = 4096
_TEXT = bytes(range(32, 127)) + b"\t\r\n"

Read = Callable[[int], bytes]
"""Gives so many bytes of a file, fewer at its end."""


def _read_lackey(name: str, read: Read, fetch: bool) -> Iterator[Chunk]:
    if find_spec("numba") is None:
        raise InputError(
            f"{name}: needs the package numba; install it with pip install 'lockstep-sim[dram]'"
        )
    from lockstep.workloads.streams.lackey import read_lackey

    return read_lackey(name, read, fetch)


FORMATS: dict[str, Callable[[str, Read, bool], Iterator[Chunk]]] = {
    "champsim": read_champsim,
    "lackey": _read_lackey,
}
"""Name to reader: the file's name, what reads it, and whether to give fetches."""


def open_trace(path: Path, *, format: str | None = None, fetch: bool = True) -> Stream:
    """A trace as a stream; it ends when the file ends.

    Parameters
    ----------
    path : Path
        The file.
    format : str or None
        One of ``FORMATS``; None: told by the content, as only lackey's is text.
    fetch : bool
        Give instruction fetches too.

    Raises
    ------
    lockstep.arch.error.InputError
        If the file cannot be read or is empty; while the stream is taken, at the first line or record
        that is wrong.
    """
    if format is not None and format not in FORMATS:
        raise InputError(f"unknown trace format {show(format)}; {suggest(format, FORMATS)}")
    with _opened(path) as file:
        start = _read(path, file, _SNIFFED_BYTES)
    if not start:
        raise InputError(f"{path}: empty; name a ChampSim trace or the output of valgrind's lackey")
    reader = FORMATS[format or ("champsim" if start.translate(None, _TEXT) else "lackey")]

    def blocks() -> Iterator[Chunk]:
        with _opened(path) as file:
            yield from reader(str(path), lambda size: _read(path, file, size), fetch)

    return Stream(path.name, 0, (), lambda: Run(blocks()))


def _opened(path: Path) -> BinaryIO:
    """The file's content, unpacked; told by its first bytes, not by its name."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_XZ))
        if magic.startswith(_GZIP):
            return cast("BinaryIO", gzip.open(path))
        return cast("BinaryIO", lzma.open(path)) if magic == _XZ else path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; check the path") from None


def _read(path: Path, file: BinaryIO, size: int) -> bytes:
    """The next ``size`` bytes, fewer only at the end."""
    try:
        return file.read(size)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"{path}: cannot be unpacked: {error}; get the file again") from None

"""Request traces: text lines ``R 0xADDR`` or ``W 0xADDR``."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lockstep.arch.error import InputError, show
from lockstep.sim.cycle.dram.address import I64

_ADDRESS = re.compile("0[xX]0*[0-9a-fA-F]{1,15}")  # below 2^60


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests in order: ``is_write`` 0 or 1 and byte ``address``, both ``(n,)``.

    ``lines`` are the line numbers in the file ``where``, for messages.
    """

    is_write: I64
    address: I64
    where: str = "trace"
    lines: I64 | None = None

    def require_below(self, capacity_bytes: int) -> None:
        """Refuse addresses that the memory does not have.

        Raises
        ------
        InputError
            On the first address at or beyond ``capacity_bytes``.
        """
        beyond = np.flatnonzero((self.address >= capacity_bytes) | (self.address < 0))
        if beyond.size:
            first = int(beyond[0])
            line = int(self.lines[first]) if self.lines is not None else first + 1
            raise InputError(
                f"{self.where}:{line}: address {self.address[first]:#x} is beyond the memory's "
                f"{capacity_bytes:#x} bytes; use more channels or smaller addresses"
            )


def read_trace(path: Path) -> Trace:
    """Read a trace; blank lines and lines that begin with # are skipped.

    Raises
    ------
    InputError
        If the file cannot be read, has no requests, or has a line of another form.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise InputError(f"{path}: cannot read the trace: {reason}; check the path") from None
    is_write, address, lines = [], [], []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or words[0] not in ("R", "W") or not _ADDRESS.fullmatch(words[1]):
            raise InputError(
                f"{path}:{number}: not a request, value {show(line)}; write R 0xADDR or W 0xADDR"
            )
        is_write.append(words[0] == "W")
        address.append(int(words[1], 16))
        lines.append(number)
    if not address:
        raise InputError(f"{path}: no requests; write lines such as R 0x1f40 or W 0x2000")
    return Trace(
        np.array(is_write, np.int64),
        np.array(address, np.int64),
        str(path),
        np.array(lines, np.int64),
    )

"""TLBs and page-walk caches: sets of keys under true LRU (numba)."""

from lockstep.sim.cycle.translation.pages import HELD
from lockstep.sim.cycle.translation.words import I64, Sets, compiled, equal, first_bit, row, used


@compiled
def look_up(words: I64, t: Sets, number: int, key: int) -> bool:
    """Whether ``key`` is held in the set of ``number``; it is then the most recently used."""
    index = number & t.mask
    found = equal(words, t, row(t, index), HELD | key, -1)
    if found == 0:
        return False
    words[t.order + index] = used(words[t.order + index], first_bit(found))
    return True


@compiled
def holds(words: I64, t: Sets, number: int, key: int) -> bool:
    """As :func:`look_up`, but leaves no trace."""
    return equal(words, t, row(t, number & t.mask), HELD | key, -1) != 0


@compiled
def fill(words: I64, t: Sets, number: int, key: int) -> tuple[int, int]:
    """Put a key in, the first empty way or the oldest; what was there, 0 if nothing; and the way."""
    index = number & t.mask
    at = row(t, index)
    order = words[t.order + index]
    empty = equal(words, t, at, 0, -1)
    way = first_bit(empty) if empty else (order >> t.last) & 15
    evicted = words[at + way]
    words[at + way] = HELD | key
    words[t.order + index] = used(order, way)
    return evicted, way


@compiled
def invalidate(words: I64, t: Sets, number: int, key: int) -> None:
    """Take a key out, if it is there; the order of ways stays."""
    at = row(t, number & t.mask)
    found = equal(words, t, at, HELD | key, -1)
    if found:
        words[at + first_bit(found)] = 0

"""Turns requests away on a thread of his own, which never takes the interpreter's lock.

In a flood of ten times what can be answered the event loop would spend half its time on refusals, two
thirds of that in the system's `recv` and `send`. So a connection on which somebody was refused gets a seat:
its socket is read by the doorman, and no more by the loop. What he knows by its head, he refuses while the
sign that goes with it shows no room. All else he passes to the loop, which decides.

- He refuses where nothing is under way only: the loop says when a seat rests (`rest`). Once he has passed a
  request, or sees anything but a whole request of somebody known, the loop decides what becomes of the
  connection; what comes while a request is under way is passed on, and the connection with it.
- He passes no more than there is room for by the sign: what is in transit counts as having come. The loop
  looks again at whatever he passed.
- Of whom he knows he keeps a mark, as `auth.remembered` does, and the refusal that they get.

Without a compiler there is none, and the loop refuses by itself.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from harka._doorman import Doorman

try:
    from harka import _doorman

    _compiled = True
except ImportError:
    _compiled = False

COMPILED: Final = _compiled
"""Whether there are any."""


def hired(status: bytes, end: bytes) -> "Doorman":
    """One who is at work, until he is told to stop. `status`, `end`: how each refusal begins, and ends.

    Raise `OSError` when there are no more descriptors, `RuntimeError` no more threads, or `MemoryError`.
    """
    doorman = _doorman.Doorman(status, end)
    doorman.start()
    return doorman

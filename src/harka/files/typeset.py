"""Documents for print: a template of ours and somebody's data make a PDF, in threads of its own.

Typst knows no clock, no network and, from memory, no file. What the data say is never read as markup, so how
long a document takes depends on its template and on how much there is to show.
"""

import asyncio
import contextlib
import functools
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from cachetools import LRUCache

from harka.codec import json_bytes
from harka.errors import InternalError, UnavailableError

_CACHE_BYTES: Final = 16 * 1024 * 1024


class UnprintableError(InternalError):
    """The document cannot be set."""


class Typesetter:
    """Made documents are kept by what they are made of.

    Typst brings fonts along for Latin, Greek, Cyrillic, Hebrew and Arabic. Of other characters, emoji and
    Chinese among them, an empty box is shown, unless a font of `fonts` (a directory) has them.
    """

    def __init__(
        self, fonts: str | None = None, *, threads: int = 2, waiting: int = 32, patience: float = 8.0
    ) -> None:
        """`waiting`: how many documents may stand in line. `patience`: seconds for one, in line or not."""
        self._fonts = fonts
        self._patience = patience
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="typeset")
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._made: LRUCache[bytes, bytes] = LRUCache(_CACHE_BYTES, getsizeof=len)

    async def pdf(
        self, template: str, data: Mapping[str, Any], *, moment: datetime, spent: Callable[[float], None]
    ) -> bytes:
        """The same bytes for the same arguments. `data`: as JSON. `moment`: when it says it was made.

        `spent`: told how many seconds of a processor that took, also if nobody waits for it any more.
        Raise `UnavailableError` when too many wait already, or it takes too long; `UnprintableError` for data
        that the template cannot show.
        """
        encoded = json_bytes(data)
        key = hashlib.sha256(f"{template} {moment.timestamp()} ".encode() + encoded).digest()
        known = self._made.get(key)
        if known is not None:
            return known
        compile_ = functools.partial(self._compile, template, encoded.decode(), moment)
        made = await self._typeset(compile_, spent)
        if len(made) <= _CACHE_BYTES:
            self._made[key] = made
        return made

    def close(self) -> None:
        """Wait for nobody: what is being made is thrown away."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _typeset(self, compile_: Callable[[], bytes], spent: Callable[[float], None]) -> bytes:
        if not self._places.acquire(blocking=False):
            raise UnavailableError("Too many documents are being made.")
        job = self._threads.submit(_timed, compile_, asyncio.get_running_loop(), spent)
        # when the thread is free again, not when somebody has lost patience
        job.add_done_callback(lambda _: self._places.release())
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            raise UnavailableError("The document takes too long to be made.") from None

    def _compile(self, template: str, data: str, moment: datetime) -> bytes:
        import typst  # noqa: PLC0415 - 80 MB that most processes never need

        source = (files("harka.files") / "templates" / f"{template}.typ").read_bytes()
        try:
            made = typst.compile(
                source,
                format="pdf",
                font_paths=self._opened_fonts,
                ignore_system_fonts=True,
                sys_inputs={"data": data},
                timestamp=int(moment.timestamp()),
            )
        except typst.TypstError as error:
            raise UnprintableError from error
        assert isinstance(made, bytes)  # noqa: S101 - a PDF is one file
        return made

    @functools.cached_property
    def _opened_fonts(self) -> Any:
        import typst  # noqa: PLC0415 - see `_compile`

        return typst.Fonts(include_system_fonts=False, font_paths=[self._fonts] if self._fonts else [])


def _timed(
    work: Callable[[], bytes], loop: asyncio.AbstractEventLoop, spent: Callable[[float], None]
) -> bytes:
    began = time.thread_time()
    try:
        return work()
    finally:
        # the loop of who asked may be over
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(spent, time.thread_time() - began)

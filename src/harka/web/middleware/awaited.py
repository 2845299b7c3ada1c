"""A route whose work is of use while somebody waits for the answer: until the deadline, until they leave."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from starlette.types import Message, Receive, Scope, Send

from harka import clock
from harka.errors import DeadlineExceededError
from harka.web.connection import carried
from harka.web.middleware.request_scope import RequestScope

Endpoint = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

_DATABASE_FIRST: Final = 0.5
"""Seconds: units of work end by the deadline themselves, and leave their connections whole."""


class Awaited:
    """Ends what nobody waits for any more: the transaction under way is rolled back, what is committed stays.

    Once the answer has begun it takes as long as its reader likes.
    """

    def __init__(self, app: Endpoint, *, outlives_client: bool = False) -> None:
        """`outlives_client`: a POST goes on without its client, as what takes something away does."""
        self._app = app
        self._outlives_client = outlives_client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request: RequestScope = scope["harka"]
        limit = asyncio.timeout(request.deadline - clock.monotonic() + _DATABASE_FIRST)

        async def answer(message: Message) -> None:
            limit.reschedule(None)
            await send(message)

        try:
            async with limit:
                work = self._app(scope, receive, answer)
                goes_on = self._outlives_client and scope["method"] == "POST"
                await (work if goes_on else carried(scope, work))
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlineExceededError from None

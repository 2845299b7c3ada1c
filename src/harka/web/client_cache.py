"""What a client and what stands between may keep of an answer to a GET, and for how long (RFC 9111, 9110)."""

import hashlib
from typing import Final

from starlette.responses import Response

from harka.graph.answer import Answer

_NOT_MODIFIED: Final = 304
_VARY: Final = "Accept, Authorization, Cookie, GraphQL-Cost, X-API-Key"
"""What makes another answer of the same address: what it is in, who asks, and whether its cost is told."""


def kept(response: Response, answer: Answer, known: str) -> Response:
    """The answer with what may be done with it, or 304 to a client that has it.

    `known`: the request's `If-None-Match`. An answer that may not be kept is left as it is: `no-store`.
    """
    policy = answer.policy
    if policy is None:
        return response
    tag = f'"{hashlib.blake2b(bytes(response.body), digest_size=16).hexdigest()}"'
    whose = "public" if policy.is_public else "private"
    headers = {
        "cache-control": f"{whose}, max-age={policy.max_age}",
        "etag": tag,
        "vary": _VARY,
    }
    if answer.age:
        headers["age"] = str(answer.age)
    if _names(known, tag):
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    response.headers.update(headers)
    return response


def _names(known: str, tag: str) -> bool:
    """Weak comparison, as 304 wants it."""
    return any(each.strip().removeprefix("W/") in {tag, "*"} for each in known.split(","))

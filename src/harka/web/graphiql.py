"""GraphiQL, the page that browsers get at `/graphql`."""

import functools
import hashlib
import re
from base64 import b64encode
from importlib import resources

from starlette.responses import Response

_SOURCE = "https://unpkg.com"


@functools.cache
def _page() -> bytes:
    return resources.files("harka.web").joinpath("static/graphiql.html").read_bytes()


@functools.cache
def _policy() -> str:
    """What the page may do: run its own script and the pinned ones, and talk to us."""
    scripts = re.findall(rb"<script>(.*?)</script>", _page(), re.DOTALL)
    hashes = [f"'sha256-{b64encode(hashlib.sha256(script).digest()).decode()}'" for script in scripts]
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {_SOURCE} {' '.join(hashes)}",
            # GraphiQL's editor writes style attributes
            f"style-src {_SOURCE} 'unsafe-inline'",
            "img-src 'self' data:",
            f"font-src {_SOURCE} data:",
            "connect-src 'self'",
            "frame-ancestors 'none'",
        )
    )


def graphiql() -> Response:
    return Response(_page(), media_type="text/html", headers={"content-security-policy": _policy()})

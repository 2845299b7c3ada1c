"""`/dashboard`: a static page; whatever it shows it asks `/graphql` for, with the key its reader types in."""

import re
from importlib.resources import files
from typing import Final

from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from harka.errors import NotFoundError

_PAGE: Final = "dashboard.html"
_DOCUMENT: Final = re.compile(r"^const [A-Z]+ = `((?:query|subscription) [^`]+)`;$", re.MULTILINE)
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}
# everything from this origin, nothing inline, no frame around it
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def welcome(scope: Scope, receive: Receive, send: Send) -> None:
    """`/`: whoever types in an organization's address is a person, and wants the page."""
    await RedirectResponse("/dashboard", status_code=303)(scope, receive, send)


def own_documents() -> list[str]:
    """The GraphQL documents that the page asks for."""
    return _DOCUMENT.findall((files("harka.web") / "static" / "dashboard.js").read_text())


class Dashboard:
    """The page's files, read once. Their names are a fixed set: no path of a client's reaches the disk."""

    def __init__(self) -> None:
        directory = files("harka.web") / "static"
        self._responses = {
            entry.name: (entry.read_bytes(), _TYPES[suffix])
            for entry in directory.iterdir()
            if (suffix := entry.name.rpartition(".")[2]) in _TYPES
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._responses.get(scope["path_params"].get("name", _PAGE))
        if found is None:
            raise NotFoundError
        content, media_type = found
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
        await Response(content, headers=headers, media_type=media_type)(scope, receive, send)

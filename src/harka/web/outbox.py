"""`/dev/outbox`: e-mails that were put into a directory in place of being sent, for this machine alone."""

import asyncio
import html
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from harka.errors import NotFoundError

_NAME: Final = re.compile(r"[0-9a-f-]{36}\.eml")
_MOST: Final = 100
# nothing runs, nothing is loaded, nothing is sent: whatever an e-mail holds
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups",
    "Cache-Control": "no-store",
}


class Outbox:
    """Routed only where there is such a directory."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raise `NotFoundError` for who asks from elsewhere or by way of a proxy, too."""
        client = scope.get("client")
        names = {name for name, _ in scope["headers"]}
        if client is None or not ip_address(client[0]).is_loopback or b"x-forwarded-for" in names:
            raise NotFoundError
        name = scope["path_params"].get("name")
        content = await asyncio.to_thread(self._list if name is None else lambda: self._read(name))
        await Response(content, headers=_HEADERS, media_type="text/html")(scope, receive, send)

    def _list(self) -> str:
        found = [(place.stat().st_mtime, place) for place in self._directory.glob("*.eml")]
        newest = [place for _, place in sorted(found, reverse=True)[:_MOST]]
        rows = "".join(_row(place.name, _parsed(place)) for place in newest)
        return _page(f"<ul>{rows}</ul>" if rows else "<p>No e-mail was sent yet.</p>")

    def _read(self, name: str) -> str:
        place = self._directory / name
        if not _NAME.fullmatch(name) or not place.is_file():
            raise NotFoundError
        message = _parsed(place)
        headers = "".join(
            f"<p><b>{key}</b> {html.escape(str(message[key] or ''))}</p>"
            for key in ("From", "To", "Reply-To", "Subject", "Date", "Message-ID")
        )
        return _page(headers + "".join(_part(message, kind) for kind in ("plain", "html")))


def _parsed(place: Path) -> EmailMessage:
    parsed = message_from_bytes(place.read_bytes(), policy=default)
    assert isinstance(parsed, EmailMessage)  # noqa: S101 - that is what the policy makes
    return parsed


def _row(name: str, message: EmailMessage) -> str:
    told = html.escape(f"{message['Date']}: {message['To']}: {message['Subject']}")
    return f'<li><a href="/dev/outbox/{name}">{told}</a></li>'


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    text = "" if part is None else part.get_content()
    if kind == "plain":
        return f"<pre>{html.escape(text)}</pre>"
    return f'<iframe title="HTML" sandbox width="640" height="600" srcdoc="{html.escape(text)}"></iframe>'


def _page(body: str) -> str:
    head = '<meta charset="utf-8"><title>Outbox</title><h1>Outbox</h1>'
    return f'<!doctype html><html lang="en">{head}{body}</html>'

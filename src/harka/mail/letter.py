"""An e-mail as bytes: whatever a person or an organization is called, it ends no header."""

from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import formatdate
from typing import Final
from uuid import UUID

import msgspec


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """`id`: of what it tells; sent again, it has the same Message-ID. `text`, `html`: the same in two forms.

    `unsubscribe`: where to ask for no more of the kind; None for what answers something that somebody did.

    `sender_name`: of the organization. `reply_to`: an address, None where nobody reads answers.
    """

    id: UUID
    to: str
    to_name: str
    sender_name: str
    reply_to: str | None
    subject: str
    text: str
    html: str
    language: str
    unsubscribe: str | None = None


class _OneLine(UnstructuredHeader):
    """An address longer than a line would be encoded, as words are; mail programs do not decode it."""

    def fold(self, *, policy: EmailPolicy) -> str:
        return f"{self.name}: {self}{policy.linesep}"  # type: ignore[attr-defined]  # of what it is mixed with


_HEADERS: Final = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", _OneLine)  # type: ignore[arg-type]  # it mixes them itself
_POLICY: Final = SMTP.clone(header_factory=_HEADERS)


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """`sender`: the address that it comes from. Raise `ValueError` for an address that is none."""
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(_line(letter.sender_name), addr_spec=sender)
    message["To"] = Address(_line(letter.to_name), addr_spec=_address(letter.to))
    if letter.reply_to is not None:
        message["Reply-To"] = Address(addr_spec=_address(letter.reply_to))
    message["Subject"] = _line(letter.subject)
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2]}>"
    message["Content-Language"] = letter.language
    if letter.unsubscribe is not None:
        # by one request that nobody looks at (RFC 8058); the server that signs must sign these two as well
        message["List-Unsubscribe"] = f"<{_address_of_page(letter.unsubscribe)}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    # what keeps an absent person's program from answering a program
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


def _line(text: str) -> str:
    """Every character that could end a line, or the header, is a space."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _address(text: str) -> str:
    if "@" not in text or any(not each.isprintable() or each.isspace() for each in text):
        raise ValueError("not an address")
    return text


def _address_of_page(url: str) -> str:
    if not url.isascii() or any(not each.isprintable() or each in " <>," for each in url):
        raise ValueError("not an address")
    return url

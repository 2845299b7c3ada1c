"""An e-mail as bytes: whatever a person or an organization is called, it ends no header."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from uuid import UUID

import msgspec


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """`id`: of what it tells; sent again, it has the same Message-ID. `text`, `html`: the same in two forms.

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


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """`sender`: the address that it comes from. Raise `ValueError` for an address that is none."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_line(letter.sender_name), addr_spec=sender)
    message["To"] = Address(_line(letter.to_name), addr_spec=_address(letter.to))
    if letter.reply_to is not None:
        message["Reply-To"] = Address(addr_spec=_address(letter.reply_to))
    message["Subject"] = _line(letter.subject)
    message["Date"] = formatdate(usegmt=True)
    message["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2]}>"
    message["Content-Language"] = letter.language
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

"""What a person may type: stripped, in one Unicode form, without characters that no name or text needs.

Letters, emoji and directions of every script are fine; lengths count code points, as PostgreSQL does.
"""

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

from harka.errors import ValidationError

LONGEST_TITLE: Final = 200
LONGEST_NAME: Final = 200
LONGEST_CODE: Final = 64
LONGEST_SLUG: Final = 64
LONGEST_DESCRIPTION: Final = 10_000
LONGEST_EMAIL: Final = 254
LONGEST_URL: Final = 2048

# NUL cannot be stored, lone surrogates cannot be encoded, the rest of the controls only forge other lines
_NOT_IN_TEXT: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_LINE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NOT_IN_SLUG: Final = re.compile(r"[^a-z0-9]+")
# what browsers would trim, turn into another character, or leave an attribute by
_NOT_IN_URL: Final = re.compile(r"[^\x21-\x7e]|[\"<>`\\{|}^]")
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]+")


def accept_line(value: str, field: str, *, longest: int) -> str:
    """One line with something in it, stripped. Raise `ValidationError` naming `field`."""
    line = _accepted(value, field, _NOT_IN_LINE, longest)
    if not line:
        raise ValidationError("This must not be empty.", field=field)
    return line


def accept_text(value: str, field: str, *, longest: int) -> str:
    """Any number of lines, none included, stripped. Raise `ValidationError` naming `field`."""
    return _accepted(value, field, _NOT_IN_TEXT, longest)


def accept_part(value: str | None, field: str, *, longest: int) -> str | None:
    """Part of a line to look for; None for none. Raise `ValidationError` naming `field`."""
    return None if value is None else _accepted(value, field, _NOT_IN_LINE, longest) or None


def accept_slug(value: str, field: str) -> str:
    """Lower-case ASCII words joined by hyphens. Raise `ValidationError` naming `field`."""
    slug = accept_line(value, field, longest=LONGEST_SLUG)
    if not _SLUG.fullmatch(slug):
        raise ValidationError("Only lower-case letters a-z, digits and single hyphens.", field=field)
    return slug


def accept_email(value: str, field: str) -> str:
    """An address, kept as written. Raise `ValidationError` naming `field`."""
    email = accept_line(value, field, longest=LONGEST_EMAIL)
    if not _EMAIL.fullmatch(email):
        raise ValidationError("This is not an email address.", field=field)
    return email


def accept_url(value: str, field: str) -> str:
    """An https address, kept as written. Raise `ValidationError` naming `field`."""
    url = accept_line(value, field, longest=LONGEST_URL)
    try:
        parts = urlsplit(url)
        usable = parts.scheme == "https" and url.startswith("https://") and bool(parts.hostname)
        # whoever is named before an @ is not who answers
        usable = usable and "@" not in parts.netloc and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or _NOT_IN_URL.search(url):
        raise ValidationError("This is not an address that begins with https://.", field=field)
    return url


def slug_of(text: str) -> str:
    """The words of `text` as a slug; empty when it has none in ASCII."""
    plain = unicodedata.normalize("NFKD", text).lower()
    ascii_words = "".join(character for character in plain if not unicodedata.combining(character))
    return _NOT_IN_SLUG.sub("-", ascii_words)[:LONGEST_SLUG].strip("-")


def stored_form(value: str) -> str | None:
    """A line to look for as it would be stored, or None when nothing like it can be."""
    return None if _NOT_IN_LINE.search(value) else unicodedata.normalize("NFC", value).strip()


def _accepted(value: str, field: str, refused: re.Pattern[str], longest: int) -> str:
    # the length first: no work on a megabyte that is refused anyway
    if len(value) > longest * 2:
        raise _too_long(field, longest)
    if refused.search(value):
        raise ValidationError("This contains a character that is not allowed.", field=field)
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > longest:
        raise _too_long(field, longest)
    return text


def _too_long(field: str, longest: int) -> ValidationError:
    return ValidationError(f"This must not be longer than {longest} characters.", field=field)

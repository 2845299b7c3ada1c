"""Versions as entity tags, and what a client says of those that it has (RFC 9110)."""

import re
from typing import Final

from harka.errors import PreconditionFailedError

_TAG: Final = re.compile(r'(?:W/)?"([^"]*)"')


def tag(version: str) -> str:
    """Weak: the same attributes, in whatever order."""
    return f'W/"{version}"'


def is_known(if_none_match: str, current: str) -> bool:
    """Whether the client has this version already."""
    return if_none_match.strip() == "*" or current in _versions(if_none_match)


def require_match(if_match: str | None, current: str) -> None:
    """Raise `PreconditionFailedError` when the client named versions, none of which is the current one."""
    if if_match and if_match.strip() != "*" and current not in _versions(if_match):
        raise PreconditionFailedError


def _versions(header: str) -> list[str]:
    return _TAG.findall(header)

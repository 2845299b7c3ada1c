"""What an organization says of itself: its name, its language, its time zone, its settings."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from harka.codec import json_bytes
from harka.errors import ConflictError, ValidationError
from harka.learning import app_sign_in, mail
from harka.learning.locale import accept_locale, accept_timezone
from harka.learning.text import LONGEST_NAME, accept_line
from harka.learning.work import UnitOfWork
from harka.repositories import organization as organizations
from harka.repositories.organization import Organization
from harka.tenancy.permission import Permission

MOST_SETTINGS: Final = 16_384
"""Bytes of all settings together, as JSON."""
_DEEPEST: Final = 8


class OrganizationChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is UNSET stays as it is. `settings`: keys to set; those that are None are taken away."""

    name: str | UnsetType = UNSET
    locale: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET
    settings: Mapping[str, Any] | UnsetType = UNSET


async def update(work: UnitOfWork, changes: OrganizationChanges, *, version: int) -> Organization:
    """Every process knows within a second. `version`: that of the organization as the editor read it.

    Raise `ValidationError` naming the field, `ConflictError` when it has changed since.
    """
    context, catalog = work.context, work.outside.catalog
    context.require(Permission.ORGANIZATION_WRITE)
    accepted = _accepted(changes)
    # what this process has read may be a second old
    found = await organizations.find_by_ids(catalog, [context.id])
    if not found or found[0].version != version:
        raise ConflictError
    if changes.settings is not UNSET:
        if not isinstance(changes.settings, Mapping):
            raise ValidationError("The settings are an object.", field="settings")
        accepted["settings"] = _settings({**found[0].settings, **changes.settings})
    wanted = msgspec.structs.replace(found[0], **accepted)
    if wanted == found[0]:
        return wanted
    changed = await organizations.update(catalog, wanted)
    if changed is None:
        raise ConflictError
    return changed


def _accepted(changes: OrganizationChanges) -> dict[str, Any]:
    accepted: dict[str, Any] = {}
    if changes.name is not UNSET:
        accepted["name"] = accept_line(changes.name, "name", longest=LONGEST_NAME)
    if changes.locale is not UNSET:
        accepted["locale"] = accept_locale(changes.locale)
    if changes.timezone is not UNSET:
        accepted["timezone"] = accept_timezone(changes.timezone)
    return accepted


def _settings(merged: Mapping[str, Any]) -> dict[str, Any]:
    settings = {key: value for key, value in merged.items() if value is not None}
    _require_plain(settings, _DEEPEST)
    if mail.SETTINGS in settings:
        mail.accept_settings(settings[mail.SETTINGS])
    if app_sign_in.SETTINGS in settings:
        app_sign_in.accept_settings(settings[app_sign_in.SETTINGS])
    if len(json_bytes(settings)) > MOST_SETTINGS:
        raise ValidationError(f"All settings together have at most {MOST_SETTINGS} bytes.", field="settings")
    return settings


def _require_plain(value: Any, levels: int) -> None:
    """What JSON and PostgreSQL can keep: bounded in depth, no NUL, no lone surrogate, no odd number."""
    if levels == 0:
        raise ValidationError("The settings are nested too deep.", field="settings")
    if isinstance(value, dict):
        for key, inner in value.items():
            _require_plain(key, levels)
            _require_plain(inner, levels - 1)
    elif isinstance(value, list):
        for inner in value:
            _require_plain(inner, levels - 1)
    elif isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValidationError("This contains a character that is not allowed.", field="settings")
    elif isinstance(value, int | float) and not -_LARGEST <= value <= _LARGEST:
        raise ValidationError("A number is out of range.", field="settings")


_LARGEST: Final = 2**53 - 1
"""What every client's numbers can hold."""

"""A person as SCIM writes them, and as the rules take them.

What a directory says is kept as it was said, and told so again, unless somebody here has changed it since.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from harka.auth.permissions import Role
from harka.codec import from_json
from harka.errors import ScimRequestError
from harka.ids import NodeKind
from harka.learning.scim_user import ROLES, Person
from harka.repositories.scim_user import Membership, ScimUser
from harka.web.scim.etag import tag
from harka.web.scim.names import Names

Resource = dict[str, Any]

CORE: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
# stored in columns of their own, or ours to say
_ELSEWHERE: Final = frozenset(
    {"schemas", "id", "meta", "userName", "externalId", "active", "timezone", "groups"}
)
_TAG: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+")


def resource_of(row: ScimUser, groups: Sequence[Membership], names: Names) -> Resource:
    kept: Resource = {} if row.attributes is None else from_json(row.attributes)
    told: Resource = {
        "schemas": [CORE, ENTERPRISE] if ENTERPRISE in kept else [CORE],
        "id": names.id(NodeKind.USER, row.id),
        "userName": row.user_name or row.email,
        "active": row.status == "active",
        **_named(row, kept),
        "emails": _emails(row, kept.get("emails")),
    }
    if row.external_id is not None:
        told["externalId"] = row.external_id
    if row.timezone is not None:
        told["timezone"] = row.timezone
    if groups:
        told["groups"] = [_membership(each, names) for each in groups]
    if roles := _roles(row, kept.get("roles")):
        told["roles"] = roles
    told["meta"] = {
        "resourceType": "User",
        "created": row.created_at,
        "lastModified": row.updated_at,
        "location": names.location(NodeKind.USER, row.id),
        "version": tag(str(row.version)),
    }
    return told


def person_of(said: Resource, before: Mapping[str, Any] = {}) -> Person:
    """`said`: the whole resource. `before`: what the directory said until now.

    Raise `ScimRequestError` where there is no address that they could be reached by.
    """
    attributes = {name: value for name, value in said.items() if name not in _ELSEWHERE}
    user_name = str(said.get("userName") or "")
    main = _main(said.get("emails"))
    email = (main or {}).get("value") or user_name
    if main is None and not _ADDRESS.fullmatch(user_name):
        raise ScimRequestError("An address is needed: emails, or a userName that is one.", "invalidValue")
    return Person(
        user_name=user_name,
        email=email,
        name=_name(said, user_name),
        role=_role(said.get("roles"), before.get("roles")),
        locale=_language(said),
        timezone=said.get("timezone"),
        active=said.get("active"),
        external_id=said.get("externalId"),
        email_type=str((main or {}).get("type") or "work")[:64],
        attributes=attributes,
    )


def _named(row: ScimUser, kept: Resource) -> Resource:
    """What was said, with the name and the language that they have now."""
    told = {name: value for name, value in kept.items() if name not in {"emails", "roles"}}
    if row.attributes is None:
        told |= {"displayName": row.name, "name": {"formatted": row.name}}
    elif _name(kept, row.user_name or row.email) != row.name:
        told["displayName"] = row.name
        if "formatted" in told.get("name", {}):
            told["name"] = {**told["name"], "formatted": row.name}
    if _language(kept) != row.locale:
        told.pop("locale", None)
        if row.locale is not None:
            told["locale"] = row.locale
    return told


def _name(said: Mapping[str, Any], user_name: str) -> str:
    parts = said.get("name") or {}
    joined = " ".join(filter(None, (parts.get("givenName"), parts.get("familyName"))))
    return str(said.get("displayName") or parts.get("formatted") or joined or user_name)


def _language(said: Mapping[str, Any]) -> str | None:
    """Of `locale`, which must be one; otherwise of `preferredLanguage`, where it is one."""
    locale = said.get("locale")
    if locale:
        return str(locale).replace("_", "-")
    preferred = str(said.get("preferredLanguage") or "").split(",")[0].split(";")[0].strip().replace("_", "-")
    return preferred if len(preferred) <= 35 and _TAG.fullmatch(preferred) else None  # noqa: PLR2004 - BCP 47's own


def _main(emails: Sequence[Resource] | None) -> Resource | None:
    """The one that they are reached by."""
    usable = [each for each in emails or () if each.get("value")]
    for wanted in ({"primary": True}, {"type": "work"}, {}):
        for each in usable:
            if wanted.items() <= each.items():
                return each
    return None


def _emails(row: ScimUser, kept: Sequence[Resource] | None) -> list[Resource]:
    main = _main(kept)
    if main is None:
        return [{"value": row.email, "type": row.email_type or "work", "primary": True}]
    return [{**each, "value": row.email} if each is main else each for each in kept or ()]


def _role(roles: Sequence[Resource] | None, before: Sequence[Resource] | None) -> str | None:
    """None where the directory says nothing of it; a learner where it said something before."""
    if not roles:
        return str(Role.LEARNER) if before else None
    named = [str(each.get("value") or "").lower() for each in roles]
    known = [each for each in named if each in set(Role)]
    if not known:
        raise ScimRequestError(f"These roles are given: {', '.join(ROLES)}.", "invalidValue")
    return known[0]


def _roles(row: ScimUser, kept: Sequence[Resource] | None) -> list[Resource]:
    named = {str(each.get("value") or "").lower() for each in kept or ()}
    if kept and row.role in named:
        return list(kept)
    return [] if row.role == Role.LEARNER and not kept else [{"value": row.role, "primary": True}]


def _membership(each: Membership, names: Names) -> Resource:
    return {
        "value": names.id(NodeKind.GROUP, each.group_id),
        "$ref": names.location(NodeKind.GROUP, each.group_id),
        "display": each.name,
        "type": "direct",
    }

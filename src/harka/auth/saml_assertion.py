"""What a SAML response and its assertion must say: by whom, for whom, to where, since and until when."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from harka import clock
from harka.auth.oidc import SKEW
from harka.auth.saml_xml import (
    ASSERTION,
    PROTOCOL,
    SIGNATURE,
    Element,
    RefusedXmlError,
    attribute_values,
    only,
    text_of,
)

OLDEST: Final = 300
"""Seconds after which an assertion is refused whatever it says: so long those that were used are known."""
_BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
_SUCCESS: Final = "urn:oasis:names:tc:SAML:2.0:status:Success"
_ENTITY: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity"
_TRANSIENT: Final = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
_EMAIL: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
_LONGEST_SUBJECT: Final = 255
_LONGEST_ID: Final = 200
_CONDITIONS: Final = frozenset(
    {f"{ASSERTION}{each}" for each in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")}
)


class Wanted(msgspec.Struct, frozen=True):
    """`issuer`: the provider; `audience`: us; `recipient`: where it was sent."""

    issuer: str
    audience: str
    recipient: str


class Response(msgspec.Struct, frozen=True):
    in_response_to: str | None


class Statement(msgspec.Struct, frozen=True):
    """`attributes`: values by name, which is lower case. `until`: Unix seconds."""

    id: str
    subject: str
    is_email: bool
    in_response_to: str | None
    attributes: Mapping[str, Sequence[str]]
    until: float


def accept_response(root: Element, wanted: Wanted) -> Response:
    """What stands around the assertion, signed or not: it can only refuse. Raise `RefusedXmlError`."""
    if root.tag != f"{PROTOCOL}Response" or root.get("Version") != "2.0":
        raise RefusedXmlError("It is no response of SAML 2.0.")
    status = only(only(root, f"{PROTOCOL}Status"), f"{PROTOCOL}StatusCode")
    if status.get("Value") != _SUCCESS:
        codes = [each.get("Value", "").rpartition(":")[2] for each in status.iter(status.tag)]
        raise RefusedXmlError(f"The provider refuses: {', '.join(codes)}.")
    if root.find(f"{ASSERTION}Issuer") is not None:
        _require_issuer(root, wanted)
    signed = root.find(f"{SIGNATURE}Signature") is not None
    destination = root.get("Destination")
    if destination != wanted.recipient and (destination is not None or signed):
        raise RefusedXmlError("It was to be sent elsewhere.")
    return Response(root.get("InResponseTo"))


def accept_assertion(root: Element, wanted: Wanted) -> Statement:
    """Of one that was signed. Raise `RefusedXmlError`."""
    if root.tag != f"{ASSERTION}Assertion" or root.get("Version") != "2.0":
        raise RefusedXmlError("It is no assertion of SAML 2.0.")
    id_ = root.get("ID", "")
    if not 0 < len(id_) <= _LONGEST_ID:
        raise RefusedXmlError("The assertion has no ID.")
    _require_issuer(root, wanted)
    now = clock.now().timestamp()
    issued = _instant(root, "IssueInstant")
    if issued is None or issued > now + SKEW or issued < now - OLDEST - SKEW:
        raise RefusedXmlError("The assertion is not of now.")
    subject = only(root, f"{ASSERTION}Subject")
    name = only(subject, f"{ASSERTION}NameID")
    format_, known_as = name.get("Format", ""), text_of(name)
    if not 0 < len(known_as) <= _LONGEST_SUBJECT or not known_as.isprintable():
        raise RefusedXmlError("The assertion does not say who it is about.")
    if format_ == _TRANSIENT:
        raise RefusedXmlError("The NameID is a transient one: by it nobody is known again.")
    answered = _accept_confirmation(subject, wanted, now)
    _accept_conditions(root, wanted, now)
    _accept_statements(root, now)
    return Statement(id_, known_as, format_ == _EMAIL, answered, _attributes(root), issued + OLDEST + SKEW)


def _require_issuer(parent: Element, wanted: Wanted) -> None:
    issuer = only(parent, f"{ASSERTION}Issuer")
    if text_of(issuer) != wanted.issuer or issuer.get("Format", _ENTITY) != _ENTITY:
        raise RefusedXmlError("It is another issuer's.")


def _accept_confirmation(subject: Element, wanted: Wanted, now: float) -> str | None:
    """Which request it answers. One confirmation that holds is enough."""
    reasons = []
    for each in subject.findall(f"{ASSERTION}SubjectConfirmation"):
        if each.get("Method") != _BEARER:
            continue
        data = only(each, f"{ASSERTION}SubjectConfirmationData")
        until = _instant(data, "NotOnOrAfter")
        if data.get("Recipient") != wanted.recipient:
            reasons.append("It is for another recipient.")
        elif until is None or now >= until + SKEW:
            reasons.append("Its confirmation is over.")
        elif (_instant(data, "NotBefore") or now) > now + SKEW:
            reasons.append("Its confirmation does not hold yet.")
        else:
            return data.get("InResponseTo")
    raise RefusedXmlError(reasons[0] if reasons else "It has no confirmation for a bearer.")


def _accept_conditions(root: Element, wanted: Wanted, now: float) -> None:
    conditions = only(root, f"{ASSERTION}Conditions")
    beginning, end = _instant(conditions, "NotBefore"), _instant(conditions, "NotOnOrAfter")
    if beginning is not None and now < beginning - SKEW:
        raise RefusedXmlError("The assertion does not hold yet.")
    if end is not None and now >= end + SKEW:
        raise RefusedXmlError("The assertion is over.")
    if any(each.tag not in _CONDITIONS for each in conditions):
        raise RefusedXmlError("The assertion has a condition that is not known.")
    restrictions = conditions.findall(f"{ASSERTION}AudienceRestriction")
    audiences = [[text_of(each) for each in one.findall(f"{ASSERTION}Audience")] for one in restrictions]
    # each of them restricts
    if not audiences or any(wanted.audience not in each for each in audiences):
        raise RefusedXmlError("The assertion is for another audience.")


def _accept_statements(root: Element, now: float) -> None:
    statements = root.findall(f"{ASSERTION}AuthnStatement")
    if not statements:
        raise RefusedXmlError("The assertion does not say that somebody signed in.")
    ends = [_instant(each, "SessionNotOnOrAfter") for each in statements]
    if any(end is not None and now >= end + SKEW for end in ends):
        raise RefusedXmlError("The session at the provider is over.")


def _attributes(root: Element) -> Mapping[str, Sequence[str]]:
    values: dict[str, list[str]] = {}
    for statement in root.findall(f"{ASSERTION}AttributeStatement"):
        for attribute in statement.findall(f"{ASSERTION}Attribute"):
            # not by its FriendlyName, which is for people alone
            values.setdefault(attribute.get("Name", "").lower(), []).extend(attribute_values(attribute))
    return values


def _instant(element: Element, name: str) -> float | None:
    """Unix seconds; None where it is not told. Raise `RefusedXmlError` for what is no time of UTC."""
    text = element.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedXmlError(f"{name} is no time.") from None
    if found.utcoffset() is None:
        found = found.replace(tzinfo=UTC)
    return found.timestamp()

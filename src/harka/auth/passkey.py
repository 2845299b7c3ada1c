"""Passkeys (WebAuthn level 2) by py_webauthn: what a browser is asked for, and what its answer proves.

Importing the library takes as long as a hundred requests, and few processes need it: it is imported when
somebody comes with a passkey, by `ready`, in a thread.
"""

import asyncio
import importlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from harka.codec import json_bytes

CHALLENGE_BYTES: Final = 32
_TIMEOUT: Final = 120_000
"""Milliseconds that somebody has to touch their device."""
_ALGORITHMS: Final = (-8, -7, -257)
"""EdDSA, ES256, RS256, as COSE numbers them: the one that is liked best comes first."""
_LONGEST_ID: Final = 1023


class PasskeyError(Exception):
    """What a browser sent proves nothing."""


class Place(msgspec.Struct, frozen=True):
    """Where a passkey is made and used: the host, and the origin that browsers tell."""

    rp_id: str
    origin: str


class Person(msgspec.Struct, frozen=True):
    """As their device shows them. `handle`: what it gives back of whom it knows."""

    handle: bytes
    email: str
    name: str


class Registered(msgspec.Struct, frozen=True):
    credential_id: bytes
    public_key: bytes
    sign_count: int
    is_synced: bool


class _Response(msgspec.Struct, frozen=True, rename="camel"):
    user_handle: str | None = None


class _Shown(msgspec.Struct, frozen=True, rename="camel"):
    raw_id: str
    response: _Response


async def ready() -> None:
    """Return when the library is there; to be awaited before it is used, so that nobody else waits for it."""
    await asyncio.to_thread(importlib.import_module, "webauthn")


def creation_options(
    place: Place, organization: str, person: Person, challenge: bytes, known: Sequence[bytes]
) -> dict[str, Any]:
    """As JSON. `known`: what their devices have already."""
    return {
        "rp": {"id": place.rp_id, "name": organization},
        "user": {"id": encoded(person.handle), "name": person.email, "displayName": person.name},
        "challenge": encoded(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in _ALGORITHMS],
        "timeout": _TIMEOUT,
        "excludeCredentials": [{"type": "public-key", "id": encoded(each)} for each in known],
        # it is found without a name, and asks its owner for a finger or a PIN: both factors at once
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def request_options(place: Place, challenge: bytes) -> dict[str, Any]:
    """As JSON, of whoever it is: no credential is named, so nobody learns of one."""
    return {
        "rpId": place.rp_id,
        "challenge": encoded(challenge),
        "timeout": _TIMEOUT,
        "userVerification": "required",
        "allowCredentials": [],
    }


def registered(credential: Mapping[str, Any], challenge: bytes, place: Place) -> Registered:
    """Raise `PasskeyError` unless a device made it here, for this challenge, and knew its owner."""
    import webauthn  # noqa: PLC0415 - slow, and few need it
    from webauthn.helpers.cose import COSEAlgorithmIdentifier  # noqa: PLC0415 - slow, and few need it

    try:
        made = webauthn.verify_registration_response(
            credential=json_bytes(dict(credential)).decode(),
            expected_challenge=challenge,
            expected_rp_id=place.rp_id,
            expected_origin=place.origin,
            require_user_verification=True,
            supported_pub_key_algs=[COSEAlgorithmIdentifier(each) for each in _ALGORITHMS],
        )
    except Exception as error:  # its parsers raise whatever they meet
        raise PasskeyError(str(error)) from error
    if len(made.credential_id) > _LONGEST_ID:
        raise PasskeyError("Its id is too long.")
    return Registered(
        made.credential_id, made.credential_public_key, made.sign_count, made.credential_backed_up
    )


def named(credential: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Which passkey is shown, and whose its device says that it is. Raise `PasskeyError`."""
    try:
        shown = msgspec.convert(credential, _Shown)
        return _decoded(shown.raw_id), _decoded(shown.response.user_handle or "")
    except (ValueError, msgspec.ValidationError) as error:
        raise PasskeyError(str(error)) from error


def proved(credential: Mapping[str, Any], challenge: bytes, place: Place, public_key: bytes) -> int:
    """How often it was used, as its device counts.

    Raise `PasskeyError` unless it was used here, for this challenge, by its owner.
    """
    import webauthn  # noqa: PLC0415 - slow, and few need it

    try:
        return webauthn.verify_authentication_response(
            credential=json_bytes(dict(credential)).decode(),
            expected_challenge=challenge,
            expected_rp_id=place.rp_id,
            expected_origin=place.origin,
            credential_public_key=public_key,
            # whether it grew is for who knows what it was
            credential_current_sign_count=0,
            require_user_verification=True,
        ).new_sign_count
    except Exception as error:  # its parsers raise whatever they meet
        raise PasskeyError(str(error)) from error


def encoded(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))

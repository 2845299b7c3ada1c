"""Payloads that carry personal data are sealed at rest: a copy of the database does not tell them."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from harka.codec import from_json, json_bytes
from harka.crypto import envelope

_PURPOSE: Final = "job"


def seal(key: bytes, payload: Mapping[str, Any], *, tenant: UUID, job: UUID) -> bytes:
    """`key`: of `Keyring.seal`. What is sealed opens as the payload of this job only."""
    return envelope.seal(key, json_bytes(dict(payload)), tenant=tenant, purpose=f"{_PURPOSE}:{job}")


def open_payload(key: bytes, sealed: bytes, *, tenant: UUID, job: UUID) -> Any:
    """Raise `BrokenSealError` for what was not sealed with this key for this job."""
    return from_json(envelope.open_sealed(key, sealed, tenant=tenant, purpose=f"{_PURPOSE}:{job}"))

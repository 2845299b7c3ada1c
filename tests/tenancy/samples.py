"""Organizations, keys and snapshots made in memory, for tests that need no database."""

import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from harka.config import Settings
from harka.crypto.keyring import Keyring
from harka.crypto.signing import Algorithm
from harka.ids import new_id
from harka.repositories.api_key import ApiKey
from harka.repositories.organization import Organization
from harka.tenancy import signing_key
from harka.tenancy.permission import Permission
from harka.tenancy.snapshot import Snapshot, TenantRecord

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECRET = "5e" * 32
SETTINGS = Settings(secret=SECRET)
KEYRING = Keyring(SECRET)
PLATFORM = SETTINGS.platform_domain


def organization(slug: str = "acme", **changes: Any) -> Organization:
    tenant = new_id()
    made = Organization(
        id=tenant,
        name=slug.title(),
        slug=slug,
        plan="STARTER",
        status="active",
        locale="en",
        timezone="UTC",
        region=None,
        settings={},
        features={},
        created_at=NOW,
        updated_at=NOW,
        version=1,
        domain=None,
        shard="shard_small_1",
        mode="POOL",
        database="app",
        schema="shard_small_1",
        epoch=1,
    )
    return msgspec.structs.replace(made, **changes)


def api_key(tenant: UUID, text: bytes, **changes: Any) -> ApiKey:
    """The row of a key whose text is `text`."""
    made = ApiKey(
        id=new_id(),
        tenant_id=tenant,
        prefix=text[3:15].decode(),
        hash=hashlib.sha256(text).digest(),
        name="test",
        scopes=[Permission.COURSE_READ],
        user_id=None,
        created_at=NOW,
        expires_at=None,
        revoked_at=None,
        networks=[],
        requests_per_second=None,
        created_by=None,
        updated_at=NOW,
        version=1,
    )
    return msgspec.structs.replace(made, **changes)


def key_text(number: int) -> bytes:
    return f"hk_{number:012}_{'s' * 43}".encode()


def record(
    slug: str = "acme", *, number: int = 1, domains: tuple[str, ...] = (), **changes: Any
) -> TenantRecord:
    """An organization with one API key (`key_text(number)`) and one signing key, private half included."""
    made = organization(slug, **changes)
    return TenantRecord(
        organization=made,
        domains=domains,
        api_keys=(api_key(made.id, key_text(number)),),
        signing_keys=(signing_key.make(KEYRING, made.id, Algorithm.EDDSA),),
    )


def snapshot(*records: TenantRecord) -> Snapshot:
    return Snapshot.of(PLATFORM, records)

"""The keys that sign a tenant's tokens: the public half plain, the private half sealed for this tenant."""

from uuid import UUID

from harka.clock import now
from harka.crypto import envelope
from harka.crypto.keyring import Keyring
from harka.crypto.signing import Algorithm, generate
from harka.repositories.signing_key import SigningKey


def make(keyring: Keyring, tenant: UUID, algorithm: Algorithm = Algorithm.EDDSA) -> SigningKey:
    """Make a key; it is not stored yet."""
    pair = generate(algorithm)
    sealed = envelope.seal(keyring.seal, pair.private_jwk, tenant=tenant, purpose=_purpose(pair.kid))
    return SigningKey(
        kid=pair.kid,
        tenant_id=tenant,
        algorithm=pair.algorithm,
        public_jwk=pair.public_jwk,
        sealed_private=sealed,
        created_at=now(),
        retired_at=None,
    )


def private_jwk(keyring: Keyring, key: SigningKey) -> bytes:
    """JSON, a secret. Raise `BrokenSealError` when it is absent, or sealed for another tenant or secret."""
    return envelope.open_sealed(
        keyring.seal, key.sealed_private, tenant=key.tenant_id, purpose=_purpose(key.kid)
    )


def _purpose(kid: str) -> str:
    return f"signing-key:{kid}"

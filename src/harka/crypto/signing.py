"""Key pairs for signing tokens, as JSON Web Keys (RFC 7517), named by their thumbprint (RFC 7638)."""

import enum
import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harka.codec import json_bytes

_RSA_BITS = 2048
_RSA_EXPONENT = 65537


class Algorithm(enum.StrEnum):
    """`alg` of the tokens a key signs, fixed when the key is made."""

    EDDSA = "EdDSA"
    RS256 = "RS256"


class KeyPair(msgspec.Struct, frozen=True):
    """`private_jwk`: JSON, a secret; it leaves memory sealed only (`crypto.envelope`)."""

    kid: str
    algorithm: Algorithm
    public_jwk: dict[str, str]
    private_jwk: bytes

    def __repr__(self) -> str:
        return f"KeyPair({self.kid})"


def generate(algorithm: Algorithm = Algorithm.EDDSA) -> KeyPair:
    """Make a pair. EdDSA takes microseconds, RS256 tenths of a second."""
    public, private = _ed25519() if algorithm is Algorithm.EDDSA else _rsa()
    return KeyPair(_thumbprint(public), algorithm, public, json_bytes({**public, **private}))


def _ed25519() -> tuple[dict[str, str], dict[str, str]]:
    key = Ed25519PrivateKey.generate()
    public = {"kty": "OKP", "crv": "Ed25519", "x": _text(key.public_key().public_bytes_raw())}
    return public, {"d": _text(key.private_bytes_raw())}


def _rsa() -> tuple[dict[str, str], dict[str, str]]:
    numbers = rsa.generate_private_key(_RSA_EXPONENT, _RSA_BITS).private_numbers()
    public = {"kty": "RSA", "n": _number(numbers.public_numbers.n), "e": _number(numbers.public_numbers.e)}
    return public, {
        "d": _number(numbers.d),
        "p": _number(numbers.p),
        "q": _number(numbers.q),
        "dp": _number(numbers.dmp1),
        "dq": _number(numbers.dmq1),
        "qi": _number(numbers.iqmp),
    }


def _thumbprint(public: Mapping[str, str]) -> str:
    # the public half holds exactly the members RFC 7638 §3.2 asks for; it wants them sorted and unspaced
    canonical = json_bytes(dict(sorted(public.items())))
    return _text(hashlib.sha256(canonical).digest())


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import JWKRegistry

from harka.crypto.signing import Algorithm, generate


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_pair_is_two_halves_of_one_json_web_key(algorithm: Algorithm) -> None:
    pair = generate(algorithm)
    private = json.loads(pair.private_jwk)
    assert pair.public_jwk.items() <= private.items()
    assert "d" in private
    assert not set(pair.public_jwk) & {"d", "p", "q", "dp", "dq", "qi"}


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_pair_is_named_by_its_thumbprint(algorithm: Algorithm) -> None:
    pair = generate(algorithm)
    assert pair.kid == JWKRegistry.import_key(dict(pair.public_jwk)).thumbprint()


def test_pairs_differ() -> None:
    assert generate().kid != generate().kid


def test_the_private_half_is_not_shown() -> None:
    pair = generate()
    assert "private" not in repr(pair)
    assert json.loads(pair.private_jwk)["d"] not in repr(pair)


def test_eddsa_is_the_default_and_its_curve_is_ed25519() -> None:
    pair = generate()
    assert (pair.algorithm, pair.public_jwk["crv"]) == (Algorithm.EDDSA, "Ed25519")
    assert isinstance(JWKRegistry.import_key(json.loads(pair.private_jwk)).raw_value, Ed25519PrivateKey)

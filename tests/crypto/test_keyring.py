import pytest

from harka.config import ConfigurationError
from harka.crypto.keyring import Keyring

SECRET = "00112233445566778899aabbccddeeff" * 2


def test_each_purpose_has_its_own_key() -> None:
    ring = Keyring(SECRET)
    keys = [ring.node_id, ring.cursor, ring.seal, ring.idempotency, ring.cache]
    assert [len(key) for key in keys] == [32, 32, 32, 32, 16]
    assert len({key[:16] for key in keys}) == len(keys)


def test_keys_are_the_same_in_every_process() -> None:
    # known answers: a change here makes every node id, cursor and sealed key in the field unreadable
    ring = Keyring(SECRET)
    assert ring.node_id.hex() == "51e0afbf8802a5a63293a0f679a6398b3023bb51bb1dad709eedf9f40200f1e8"
    assert ring.seal.hex() == "bba0080355c0980fbe23efcbbe7aa3a8f5ec4ba576c46397b4258aee392b983b"


def test_another_secret_gives_other_keys() -> None:
    assert Keyring(SECRET).seal != Keyring("01" + SECRET[2:]).seal


@pytest.mark.parametrize("secret", ["", "00" * 31, "00" * 33, "zz" * 32, SECRET[:-1]])
def test_a_secret_of_another_form_is_refused_by_the_name_of_its_variable(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="HARKA_SECRET"):
        Keyring(secret)


def test_nothing_of_the_secret_is_shown() -> None:
    assert "0011" not in repr(Keyring(SECRET))

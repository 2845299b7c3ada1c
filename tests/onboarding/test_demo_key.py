from uuid import UUID

from harka.auth.api_key import KEY_CHARACTERS, prefix_of
from harka.crypto.keyring import Keyring
from harka.onboarding import demo_key

TENANT = UUID(int=1)


def test_a_key_can_be_made_again_from_the_secret() -> None:
    assert demo_key.text(Keyring("11" * 32), TENANT) == demo_key.text(Keyring("11" * 32), TENANT)


def test_another_tenant_or_another_secret_has_another_key() -> None:
    keys = {
        demo_key.text(Keyring(secret * 32), tenant)
        for secret in ("11", "22")
        for tenant in (TENANT, UUID(int=2))
    }
    assert len(keys) == len({prefix_of(key) for key in keys}) == 4


def test_a_key_has_the_form_of_every_other() -> None:
    key = demo_key.text(Keyring("11" * 32), TENANT)
    assert len(key) == KEY_CHARACTERS
    assert key.startswith(f"hk_{prefix_of(key)}_")

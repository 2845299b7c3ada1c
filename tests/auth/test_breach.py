"""What became public elsewhere is refused, and nobody elsewhere learns what was typed."""

import hashlib

import pytest

from breaches import knowing
from harka.auth import breach
from harka.auth.breach import Breaches
from harka.errors import ValidationError

PUBLIC = "correct horse battery staple"


async def test_a_public_one_is_found_by_five_signs() -> None:
    digest = hashlib.sha1(PUBLIC.encode(), usedforsecurity=False).hexdigest().upper()
    async with knowing(PUBLIC) as (known, address):
        assert await Breaches(address).has(PUBLIC)
        assert not await Breaches(address).has("vexed kiln plumage 4")
    path, headers = known.asked[0]
    assert path == f"/range/{digest[:5]}"
    assert digest[5:] not in str(headers)
    # how long the answer is tells nobody how much is known
    assert headers["add-padding"] == "true"


async def test_what_is_only_padding_was_never_seen() -> None:
    async with knowing(PUBLIC) as (known, address):
        known.times = 0
        assert not await Breaches(address).has(PUBLIC)


@pytest.mark.parametrize(
    "wrong", [{"status": 503}, {"status": 302}, {"silent": True}, {"more": b"x" * 300_000}], ids=str
)
async def test_while_nobody_answers_a_password_is_set_all_the_same(
    wrong: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breach, "_PATIENCE", 0.3)
    async with knowing(PUBLIC) as (known, address):
        known.__dict__.update(wrong)
        assert not await Breaches(address).has(PUBLIC)
        assert known.asked


async def test_nobody_is_asked_unless_told() -> None:
    assert not await Breaches().has(PUBLIC)


@pytest.mark.parametrize("url", ["ftp://x.example/", "https://", "https://me:word@x.example/", "x"])
def test_a_mistake_is_told_at_start(url: str) -> None:
    with pytest.raises(ValidationError):
        Breaches(url)

import pytest

from harka.auth import remembered
from harka.auth.remembered import Remembered


def test_what_is_kept_is_found_by_its_text() -> None:
    known: Remembered[int] = Remembered(2)
    known.keep(b"a", 1)
    assert (known.find(b"a"), known.find(b"b")) == (1, None)
    known.keep(b"a", 2)
    assert (known.find(b"a"), len(known)) == (2, 1)
    known.forget()
    assert (known.find(b"a"), len(known)) == (None, 0)


def test_what_was_not_asked_for_the_longest_is_forgotten_first() -> None:
    known: Remembered[int] = Remembered(2)
    known.keep(b"a", 1)
    known.keep(b"b", 2)
    known.find(b"a")
    known.keep(b"c", 3)
    assert [known.find(text) for text in (b"a", b"b", b"c")] == [1, None, 3]


@pytest.mark.parametrize("compiled", [True, False])
def test_no_text_is_kept(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a parameter of the test
    if not compiled:
        monkeypatch.setattr(remembered, "_mark", remembered.slow_mark)
    known: Remembered[str] = Remembered(9)
    known.keep(b"hk_secret", "found")
    assert known.find(b"hk_secret") == "found"
    assert known.find(b"hk_secreT") is None
    assert all(b"secret" not in mark and len(mark) >= 16 for mark in known._by_mark)

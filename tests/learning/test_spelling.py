import pytest

from harka.learning.spelling import typos


@pytest.mark.parametrize(
    ("typed", "word", "mistakes"),
    [
        ("hopper", "hopper", 0),
        ("hopp", "hopper", 0),
        ("hoper", "hopper", 1),
        ("hopperr", "hopper", 1),
        ("hopqer", "hopper", 1),
        ("ohpper", "hopper", 1),
        ("hopepr", "hopper", 1),
        ("matemat", "mathematics", 1),
        ("hpoepr", "hopper", 2),
        ("lovelace", "hopper", 3),
        ("hopper", "h", 3),
        ("", "hopper", 0),
    ],
)
def test_mistakes_are_counted_up_to_the_most(typed: str, word: str, mistakes: int) -> None:
    assert typos(typed, word, most=2) == mistakes


def test_more_than_the_most_is_one_more() -> None:
    assert typos("hpoepr", "hopper", most=1) == 2

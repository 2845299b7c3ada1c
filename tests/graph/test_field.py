import pytest

from harka.graph.field import described


def test_a_docstring_becomes_a_description() -> None:
    class Thing:
        """What it is.

        More of
        it.
        """

    assert described(Thing) == "What it is.\n\nMore of it."


def test_what_has_no_words_is_refused() -> None:
    class Silent:
        pass

    with pytest.raises(TypeError, match="Silent"):
        described(Silent)

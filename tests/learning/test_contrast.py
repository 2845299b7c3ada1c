import pytest

from harka.errors import ContrastError, ValidationError
from harka.learning.contrast import GRAPHICS, TEXT, WHITE, accept_color, ratio


def test_the_ratios_are_those_of_wcag() -> None:
    assert ratio("#000000", WHITE) == pytest.approx(21)
    assert ratio(WHITE, WHITE) == 1
    # the greys next to the threshold of text, as WCAG's own tools print them
    assert ratio("#767676", WHITE) == pytest.approx(4.54, abs=0.005)
    assert ratio("#777777", WHITE) == pytest.approx(4.48, abs=0.005)
    assert ratio("#ff0000", "#00ff00") == ratio("#00ff00", "#ff0000") == pytest.approx(2.91, abs=0.005)


def test_a_colour_is_kept_in_lower_case() -> None:
    assert accept_color(" #1D4ED8 ", "primaryColor", least=TEXT) == "#1d4ed8"
    assert accept_color("#777777", "secondaryColor", least=GRAPHICS) == "#777777"


def test_a_colour_too_pale_is_refused_with_its_ratio() -> None:
    with pytest.raises(
        ContrastError, match=r"#777777 with white is 4\.47:1; WCAG AA asks for 4\.5:1"
    ) as caught:
        accept_color("#777777", "primaryColor", least=TEXT)
    assert (caught.value.field, caught.value.code) == ("primaryColor", "CONTRAST_TOO_LOW")


@pytest.mark.parametrize("value", ["", "red", "#fff", "#12345", "#1234567", "#12345g", "#12345\0", "#😀"])
def test_what_is_no_colour_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="not a colour") as caught:
        accept_color(value, "primaryColor", least=TEXT)
    assert caught.value.field == "primaryColor"

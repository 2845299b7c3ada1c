import pytest

from harka.errors import ValidationError
from harka.tenancy.domain_name import accept_domain


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("learn.example.com", "learn.example.com"),
        ("LEARN.Example.com.", "learn.example.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("1.2.3.4a", "1.2.3.4a"),
    ],
)
def test_a_domain_is_kept_in_one_form(name: str, accepted: str) -> None:
    assert accept_domain(name, "harka.ai") == accepted


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            ".",
            "com",
            "a b.com",
            "bücher.example",
            "a..com",
            "-a.com",
            "a-.com",
            "*.example.com",
            "a_b.com",
        ),
        *("1.2.3.4", "a.com\0", "a.com:80", "https://a.com", "😀.com", "\N{KELVIN SIGN}.com"),
        *("harka.ai", "x.harka.ai", "X.HARKA.AI.", "a.localhost", "a." * 127 + "com", "a" * 64 + ".com"),
    ],
)
def test_what_cannot_be_a_tenants_is_refused(name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        accept_domain(name, "harka.ai", field="name")
    assert caught.value.field == "name"

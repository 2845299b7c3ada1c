import pytest

from harka.errors import PreconditionFailedError
from harka.web.scim.etag import is_known, require_match, tag


def test_a_version_is_a_weak_tag() -> None:
    assert tag("3") == 'W/"3"'


@pytest.mark.parametrize("header", ['W/"3"', '"3"', 'W/"2", W/"3"', "*", " * "])
def test_what_names_the_version_matches(header: str) -> None:
    assert is_known(header, "3")
    require_match(header, "3")


@pytest.mark.parametrize("header", ['W/"2"', '"33"', "3", "W/"])
def test_what_does_not_does_not(header: str) -> None:
    assert not is_known(header, "3")
    with pytest.raises(PreconditionFailedError):
        require_match(header, "3")


def test_without_a_header_whatever_there_is_is_meant() -> None:
    require_match(None, "3")
    require_match("", "3")

import re
from collections.abc import Iterator

import pytest

from harka import errors
from harka.errors import HarkaError, RateLimitedError, ValidationError


def tree(root: type[HarkaError] = HarkaError) -> Iterator[type[HarkaError]]:
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from tree(child)


@pytest.mark.parametrize("error", sorted(tree(), key=lambda e: e.__name__), ids=lambda e: e.__name__)
def test_the_drawing_shows_each_class_with_its_code_and_status(error: type[HarkaError]) -> None:
    assert re.search(rf"{error.__name__} +{error.code} +{error.status}\b", errors.__doc__ or "")


def test_a_tenant_mismatch_looks_exactly_like_any_other_denial() -> None:
    refused, mismatch = errors.ForbiddenError(), errors.TenantMismatchError()
    assert (mismatch.message, mismatch.extensions(), mismatch.status) == (
        refused.message,
        refused.extensions(),
        refused.status,
    )


def test_a_validation_error_names_its_field() -> None:
    assert ValidationError("too long", field="title").extensions() == {
        "code": "VALIDATION_FAILED",
        "field": "title",
    }


def test_a_rate_limit_says_when_to_come_back() -> None:
    assert RateLimitedError(retry_after=1.5).extensions()["retryAfter"] == 1.5

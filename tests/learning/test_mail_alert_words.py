import pytest

from harka.analytics.health import IssueCode
from harka.learning.mail_alert_words import issue_line
from harka.learning.mail_words import LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_issue_has_words_in_every_language(language: str) -> None:
    lines = [issue_line(language, code, 1, 2) for code in IssueCode]
    assert len({line.partition(" (")[0] for line in lines}) == len(IssueCode)
    assert all(code not in line for code, line in zip(IssueCode, lines, strict=True))


def test_figures_are_in_units_that_people_read() -> None:
    assert issue_line("en", "users_near_limit", 96.0, 100.0).endswith("(96 / 100)")
    assert issue_line("de", "storage_near_limit", 9.54e9, 10e9).endswith("(9.5 GB / 10.0 GB)")
    assert issue_line("en", "jobs_failed", 3.0, None).endswith("(3)")
    assert issue_line("en", "sso_certificate_expiring", 6.52, 7.0).endswith("(6.5 d / 7.0 d)")
    assert issue_line("en", "figures_stale", 900.0, 600.0).endswith("(15.0 min / 10.0 min)")


def test_a_code_without_words_is_told_as_it_is() -> None:
    assert issue_line("fr", "something_new", 1, None) == "something_new (1)"

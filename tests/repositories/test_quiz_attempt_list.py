"""A page of the attempts at a quiz is read from the index of its order, however many there are."""

import pytest

from academy import Academy
from harka.config import Settings
from harka.repositories import quiz_attempt_list
from harka.repositories.page import Order, position_of
from harka.repositories.quiz_attempt import QuizAttempt
from harka.storage.statement import Statement
from repositories.test_plans import prepared, rows_read

SOME_QUIZ = Statement(
    "test.some_quiz", "SELECT quiz_id FROM {schema}.quiz_attempt WHERE tenant_id = $1 LIMIT 1"
)


@pytest.mark.parametrize(
    "order", quiz_attempt_list.PAGES_OF_QUIZ, ids=lambda order: f"{order.by}.{order.direction}"
)
async def test_a_page_reads_no_more_than_it_shows_in_any_order(
    crowd: Academy, academy_settings: Settings, order: Order
) -> None:
    pages = quiz_attempt_list.PAGES_OF_QUIZ[order]
    async with crowd.work(read_only=True) as work:
        quiz = await work.session.fetch_value(SOME_QUIZ)
    nothing = ", ".join(["NULL"] * 13)
    asked = f"'{crowd.organization.id}', true, {nothing}, '{quiz}', 20"
    async with prepared(academy_settings, crowd, pages.first) as connection:
        rows = await connection.fetch(f"EXECUTE it ({asked})")
        first = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ({asked})")
    position = position_of(QuizAttempt(*rows[-1].values()), order)
    async with prepared(academy_settings, crowd, pages.after) as connection:
        asked = f"{asked}, '{position[0]}', '{position[1]}'"
        after = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE it ({asked})")

    assert len(rows) == 20
    for plan in (first, after):
        assert rows_read(plan)["quiz_attempt"] <= 21, plan
        assert rows_read(plan)["enrollment"] == 0, plan

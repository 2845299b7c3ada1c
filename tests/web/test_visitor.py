"""Pages for people who are nobody yet are refused like everything else when too much is asked."""

import pytest

from entering import visiting
from full_gate import full, gated
from school import School, school

__all__ = ["school"]


@pytest.mark.parametrize("page", ["/auth/sign-in", "/auth/reset", "/auth/sign-out", "/auth/app"])
async def test_a_visitor_is_refused_where_the_line_is_full(school: School, page: str) -> None:
    own = gated(school)
    async with visiting(own) as app, full(own):
        answer = await app.http.get(page)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await app.http.post(page, content=b"x")).status_code == 503

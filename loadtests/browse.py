"""Browse: people look through the list of courses, and into one."""

from typing import Any, Final

from caller import Caller, pick
from locust import task

_LIST: Final = """query CourseList($after: String) {
  courses(first: 20, after: $after, filter: { status: PUBLISHED }) {
    totalCount pageInfo { hasNextPage endCursor } nodes { id code title status } } }"""
_DETAIL: Final = """query CourseDetail($id: ID!) { course(id: $id) { id code title description status
  modules { id title lessons { id title kind durationMinutes weight } } } }"""


class Browse(Caller):
    weight = 40

    def on_start(self) -> None:
        self._after: str | None = None
        self._shown: list[str] = list(self.tenant.courses[:20])

    @task(5)
    def look_at_the_next_page(self) -> None:
        name = "Browse: next page" if self._after else "Browse: first page"
        data = self.ask(name, _LIST, {"after": self._after}, self.as_person)
        if data is not None:
            page: dict[str, Any] = data["courses"]
            self._after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
            self._shown = [course["id"] for course in page["nodes"]]

    @task(5)
    def look_into_a_course(self) -> None:
        self.ask("Browse: course", _DETAIL, {"id": pick(self._shown)}, self.as_person)

"""PartnerSync: a program with an API key copies all users and all enrollments, page by page."""

from typing import Any, Final

from caller import Caller
from locust import task

_PAGE: Final = 100
_USERS: Final = f"""query SyncUsers($after: String) {{ users(first: {_PAGE}, after: $after) {{
  pageInfo {{ hasNextPage endCursor }} nodes {{ id name email role status createdAt updatedAt }} }} }}"""
_ENROLLMENTS: Final = f"""query SyncEnrollments($after: String) {{
  enrollments(first: {_PAGE}, after: $after) {{
  pageInfo {{ hasNextPage endCursor }}
  nodes {{ id status progress enrolledAt completedAt user {{ id email }} course {{ id code }} }} }} }}"""


class PartnerSync(Caller):
    weight = 10

    def on_start(self) -> None:
        self._after: dict[str, str | None] = {"users": None, "enrollments": None}

    @task
    def copy_users(self) -> None:
        self._copy("users", "PartnerSync: users", _USERS)

    @task(3)
    def copy_enrollments(self) -> None:
        self._copy("enrollments", "PartnerSync: enrollments", _ENROLLMENTS)

    def _copy(self, what: str, name: str, document: str) -> None:
        data = self.ask(name, document, {"after": self._after[what]}, self.as_program)
        if data is not None:
            info: dict[str, Any] = data[what]["pageInfo"]
            self._after[what] = info["endCursor"] if info["hasNextPage"] else None

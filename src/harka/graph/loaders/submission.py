from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import submission
from harka.repositories.file import File
from harka.repositories.submission import Submission


class SubmissionByIdLoader(Loader[UUID, Submission | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Submission | None]:
        return (await submission.find_many(self.work, keys)).aligned(keys)


class OwnSubmissionByAssignmentLoader(Loader[UUID, Submission | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[Submission | None]:
        found = await submission.own_by_assignment(self.work, keys)
        return [found.get(key) for key in keys]


class FilesBySubmissionLoader(Loader[UUID, Sequence[File]]):
    several = True

    async def fetch(self, keys: list[UUID]) -> Sequence[Sequence[File]]:
        found = await submission.files_by_submission(self.work, keys)
        return [found.get(key, []) for key in keys]

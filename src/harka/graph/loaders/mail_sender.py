from collections.abc import Sequence
from uuid import UUID

from harka.graph.loaders.loader import Loader
from harka.learning import mail_sender
from harka.repositories.mail_sender import MailSender


class MailSenderByIdLoader(Loader[UUID, MailSender | None]):
    async def fetch(self, keys: list[UUID]) -> Sequence[MailSender | None]:
        return await mail_sender.find_many(self.work, keys)

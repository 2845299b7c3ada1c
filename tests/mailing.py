"""A school that sends e-mails, and whoever runs the jobs that are due there."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec

from harka.mail.mailer import Mailer
from harka.queue.message import RESET_PASSWORD, SEND_MAIL
from harka.worker.execution import Execution
from school import School
from smtp_server import SmtpServer, smtp_server


@asynccontextmanager
async def mailing(school: School) -> AsyncIterator[tuple[School, SmtpServer]]:
    """The same school with an SMTP server, and that server."""
    async with smtp_server() as server:
        settings = msgspec.structs.replace(
            school.runtime.settings, smtp_url=server.url, mail_from="no-reply@learning.example"
        )
        runtime = msgspec.structs.replace(school.runtime, settings=settings, mailer=Mailer(settings))
        yield (
            School(runtime, school.organization, school.people, school.courses, school.enrollments),
            server,
        )


async def work_off(school: School) -> list[str]:
    """Run the jobs that are due, and those that they put in; the types of those about e-mails."""
    execution, done = Execution(school.runtime), list[str]()
    while runs := (await execution.claim(school.organization, 9)).runs:
        for run in runs:
            await execution.run(school.organization, run)
            if run.type in {RESET_PASSWORD, SEND_MAIL}:
                done.append(run.type)
    return done


def links(server: SmtpServer, to: str) -> Sequence[str]:
    """The tokens of the links that were sent to somebody."""
    mine = [each for each in server.received if to in each["To"]]
    return [token for each in mine for token in re.findall(r"token=(hp_[\w-]{43})", _text(each))[:1]]


def _text(message: object) -> str:
    body = message.get_body(("plain",))  # type: ignore[attr-defined]  # as the server types what it keeps
    return str(body.get_content())

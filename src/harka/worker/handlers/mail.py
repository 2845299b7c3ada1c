"""An e-mail: written as of now and handed to the server, which is no part of any transaction.

A worker that dies after the server has taken it, and before that is noted, hands it in once more, under the
same Message-ID: nobody can do better, for SMTP knows no question whether something has come.
"""

from typing import Final

from harka import logs
from harka.errors import UnavailableError
from harka.learning import mail, mail_sender
from harka.learning.mail import Kind, Mail
from harka.learning.mail_letter import Places, letter_of
from harka.learning.mail_sender import Own
from harka.learning.work import UnitOfWork
from harka.mail.mailer import RefusedError
from harka.worker.units import Units

TIMEOUT: Final = 90.0
AT_ONCE: Final = 4
_READING: Final = 10.0

log = logs.logger("mail")


async def send(work: UnitOfWork, payload: Mail, units: Units) -> None:
    """What the server does not take now is put in anew, for later. Raise `UnavailableError` in the end."""
    runtime, seal_key = units.runtime, units.runtime.keyring.seal
    settings = runtime.settings
    places = Places(settings.public_url, settings.platform_domain, runtime.files, runtime.keyring.mail)
    # its own, and over before the server is talked to: a slow server holds no connection of the database
    async with units.begin(work.context, timeout=_READING, read_only=True) as reading:
        own = await mail_sender.server_for(reading, payload.kind, seal_key=seal_key)
        is_open = own is not None or runtime.mailer.is_open
        letter = await letter_of(reading, payload, places) if is_open else None
    if letter is None:
        return
    try:
        await runtime.mailer.send(letter, None if own is None else own.server)
    except UnavailableError as error:
        await _note(work, units, own, error.message)
        # whoever tries it out waits for the answer
        if payload.kind is Kind.TEST or not await mail.again(work, payload, seal_key=seal_key):
            raise
    except RefusedError as error:
        # the address is nobody's: to try again would only harm the sender's name
        log.warning("e-mail refused", tenant=str(work.context.id), mail=str(payload.id), reason=str(error))
        if payload.kind is Kind.TEST:
            await _note(work, units, own, str(error))
    else:
        if own is not None and not own.is_well:
            await _note(work, units, own, None)


async def _note(work: UnitOfWork, units: Units, own: Own | None, error: str | None) -> None:
    """How the organization's own server is, whatever becomes of the job."""
    if own is not None:
        async with units.begin(work.context, timeout=_READING) as noting:
            await mail_sender.note(noting, own, error)

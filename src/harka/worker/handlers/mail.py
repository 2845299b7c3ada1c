"""An e-mail: written as of now and handed to the server, which is no part of any transaction.

A worker that dies after the server has taken it, and before that is noted, hands it in once more, under the
same Message-ID: nobody can do better, for SMTP knows no question whether something has come.
"""

from typing import Final

from harka import logs
from harka.errors import UnavailableError
from harka.learning import mail
from harka.learning.mail import Mail
from harka.learning.mail_letter import Places, letter_of
from harka.learning.work import UnitOfWork
from harka.mail.mailer import RefusedError
from harka.worker.units import Units

TIMEOUT: Final = 90.0
AT_ONCE: Final = 4
_READING: Final = 10.0

log = logs.logger("mail")


async def send(work: UnitOfWork, payload: Mail, units: Units) -> None:
    """What the server does not take now is put in anew, for later. Raise `UnavailableError` in the end."""
    runtime = units.runtime
    if not runtime.mailer.is_open:
        return
    settings = runtime.settings
    places = Places(settings.public_url, settings.platform_domain, runtime.files, runtime.keyring.mail)
    # its own, and over before the server is talked to: a slow server holds no connection of the database
    async with units.begin(work.context, timeout=_READING, read_only=True) as reading:
        letter = await letter_of(reading, payload, places)
    if letter is None:
        return
    try:
        await runtime.mailer.send(letter)
    except UnavailableError:
        if not await mail.again(work, payload, seal_key=runtime.keyring.seal):
            raise
    except RefusedError as error:
        # the address is nobody's: to try again would only harm the sender's name
        log.warning("e-mail refused", tenant=str(work.context.id), mail=str(payload.id), reason=str(error))

"""Notices by mail of how far an exit is; the last one brings the receipt (RFC 5321, over TLS)."""

from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final

import aiosmtplib

from vault.clock import to_text
from vault.errors import DependencyError, VaultError
from vault.leaving.addresses import is_address
from vault.leaving.exits import Exit
from vault.model import ExitState
from vault.settings import MailSettings

PERMANENT: Final = 500  # a reply code from here on: trying again is no use (RFC 5321, 4.2.1)
READY: Final = """What was kept of your company's calls lies ready, sealed to your key, until {ends_at}.
Then all of it is erased, on every server, and you receive the receipt. What has changed since you
fetched it lies there anew: each volume says when it was made.

Ce qui a été conservé des appels de votre société est prêt, scellé à votre clé,
jusqu'au {ends_at}. Ensuite tout est effacé, sur tous les serveurs, et vous recevez le reçu d'effacement.
Ce qui a changé depuis votre téléchargement s'y trouve à nouveau : chaque volume porte sa date.
"""
GONE: Final = """Everything that was kept of your company's calls is erased. The receipt is attached; anybody
can check it with the ledger's published key. It becomes final when the epoch of the keys has ended.

Tout ce qui a été conservé des appels de votre société est effacé. Le reçu d'effacement est joint ;
chacun peut le vérifier avec la clé publiée du registre. Il devient définitif à la fin de l'époque des clés.
"""
TEXTS: Final = {
    ExitState.READY: (
        "Your call vault: everything is ready to be fetched / Votre coffre d'appels : tout est prêt",
        READY,
    ),
    ExitState.GONE: ("Your call vault: everything is erased / Votre coffre d'appels : tout est effacé", GONE),
}


class NoticeRefusedError(VaultError):
    """The mail server takes no letter for this address, now or later: it is not asked again."""

    def __init__(self) -> None:
        super().__init__("the mail server refused the notice for good")


@dataclass(frozen=True, slots=True)
class Post:
    """The way out for mail."""

    settings: MailSettings

    async def tell(self, address: str, how_far: Exit, receipt: bytes | None) -> None:
        """Send one notice.

        Raises NoticeRefusedError, or DependencyError where nobody takes it now: it is tried again.
        """
        if not is_address(address):
            raise NoticeRefusedError  # of an exit that was begun before addresses were looked at
        message = self._letter(address, how_far, receipt)
        password = self.settings.password
        try:
            await aiosmtplib.send(
                message,
                hostname=self.settings.host,
                port=self.settings.port,
                username=self.settings.username or None,
                password=password.get_secret_value() if password else None,
                use_tls=self.settings.tls == "implicit",
                start_tls=self.settings.tls == "starttls",
                timeout=self.settings.timeout_s,
            )
        except (aiosmtplib.SMTPException, OSError) as cause:
            if _is_for_good(cause):
                raise NoticeRefusedError from cause
            raise DependencyError("the mail server does not take the notice; it is tried again") from cause

    def _letter(self, address: str, how_far: Exit, receipt: bytes | None) -> EmailMessage:
        subject, text = TEXTS[how_far.state]
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.settings.sender, address, subject
        message.set_content(text.format(ends_at=to_text(how_far.ends_at) if how_far.ends_at else ""))
        if receipt is not None:
            name = f"receipt-{how_far.request_id}.json"
            message.add_attachment(receipt, maintype="application", subtype="json", filename=name)
        return message


def _is_for_good(cause: Exception) -> bool:
    """Tell a refusal of this letter or its reader from one of ours, which the operator can set right."""
    if isinstance(cause, aiosmtplib.SMTPRecipientsRefused):
        return all(each.code >= PERMANENT for each in cause.recipients)
    return isinstance(cause, aiosmtplib.SMTPDataError) and cause.code >= PERMANENT

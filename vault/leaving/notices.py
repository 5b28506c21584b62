"""Notices by mail of how far an exit is; the last one brings the receipt (RFC 5321, over TLS)."""

from dataclasses import dataclass
from email.message import EmailMessage
from typing import Final

import aiosmtplib

from vault.clock import to_text
from vault.errors import DependencyError
from vault.leaving.exits import Exit, ExitState
from vault.settings import MailSettings

READY: Final = """What was kept of your company's calls lies ready, sealed to your key, until {ends_at}.
Then all of it is erased, on every server, and you receive the receipt.

Ce qui a été conservé des appels de votre société est prêt, scellé à votre clé,
jusqu'au {ends_at}. Ensuite tout est effacé, sur tous les serveurs, et vous recevez le reçu d'effacement.
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


@dataclass(frozen=True, slots=True)
class Post:
    """The way out for mail."""

    settings: MailSettings

    async def tell(self, address: str, how_far: Exit, receipt: bytes | None) -> None:
        """Send one notice; raises DependencyError where nobody takes it."""
        subject, text = TEXTS[how_far.state]
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.settings.sender, address, subject
        message.set_content(text.format(ends_at=to_text(how_far.ends_at) if how_far.ends_at else ""))
        if receipt is not None:
            name = f"receipt-{how_far.request_id}.json"
            message.add_attachment(receipt, maintype="application", subtype="json", filename=name)
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
            raise DependencyError("the mail server does not take the notice; it is tried again") from cause

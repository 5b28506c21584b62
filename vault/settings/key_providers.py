"""Sections for holders of epoch keys that are not a file; each counts only while `keys.provider` names it."""

from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr

from vault.settings.section import Section

LABEL: Final = r"^[A-Za-z0-9._-]{1,64}$"  # what names of keys may hold everywhere


class AwsKmsSettings(Section):
    """AWS KMS, for `keys.provider = "awskms"`."""

    region: str = Field("", description="The region, like eu-west-3; it must be on the list of regions.")
    label: str = Field(
        "callvault",
        pattern=LABEL,
        description="Aliases are `alias/label-epoch-1` and so on: another one for each deployment.",
    )
    window_days: int = Field(
        7,
        ge=7,
        le=30,
        description="How long a deleted key can be brought back; receipts promise nothing before its end.",
    )
    endpoint: str = Field("", description="Another address than the region's own. Empty: AWS.")
    access_key: SecretStr | None = Field(
        None, description="Access key; empty: the usual AWS credential chain."
    )
    secret_key: SecretStr | None = Field(None, description="Secret key.")


class OpenBaoSettings(Section):
    """OpenBao or HashiCorp Vault, for `keys.provider = "openbao"`."""

    url: str = Field("", description="The server's address, like https://bao.example.org:8200.")
    token_file: Path = Field(
        Path("./keys/openbao.token"),
        description="A file with the token, mode 0600; read at each call, so an agent may renew it.",
    )
    mount: str = Field(
        "transit", pattern=r"^[A-Za-z0-9._/-]{1,64}$", description="Where the transit engine is mounted."
    )
    label: str = Field(
        "callvault",
        pattern=LABEL,
        description="Keys are named `label-epoch-1` and so on: another one for each deployment.",
    )
    ca_file: Path | None = Field(
        None, description="The authority of the server's certificate. Empty: those of the system."
    )


class Pkcs11Settings(Section):
    """A hardware security module, for `keys.provider = "pkcs11"`."""

    module: str = Field("", description="The module's library, like /usr/lib/softhsm/libsofthsm2.so.")
    token: str = Field("", description="The token's label.")
    pin: SecretStr | None = Field(None, description="The user PIN.")
    label: str = Field(
        "callvault",
        pattern=LABEL,
        description="Keys are named `label/epoch-1` and so on: another one for each deployment on a token.",
    )

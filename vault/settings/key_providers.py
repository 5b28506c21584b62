"""Sections for holders of epoch keys that are not a file; each counts only while `keys.provider` names it."""

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, SecretStr

from vault.settings.section import Section

Provider = Literal["file", "awskms", "openbao", "pkcs11"]
LABEL: Final = r"^[A-Za-z0-9._-]{1,64}$"  # what names of keys may hold everywhere


class AwsKmsPlace(Section):
    """Where keys lie in AWS KMS."""

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


class AwsKmsSettings(AwsKmsPlace):
    """AWS KMS, for `keys.provider = "awskms"`."""

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


class Pkcs11Place(Section):
    """Where keys lie in a hardware security module."""

    module: str = Field("", description="The module's library, like /usr/lib/softhsm/libsofthsm2.so.")
    token: str = Field("", description="The token's label.")
    label: str = Field(
        "callvault",
        pattern=LABEL,
        description="Keys are named `label/epoch-1` and so on: another one for each deployment on a token.",
    )


class Pkcs11Settings(Pkcs11Place):
    """A hardware security module, for `keys.provider = "pkcs11"`."""

    pin: SecretStr | None = Field(None, description="The user PIN.")


class HolderSettings(Section):
    """One more holder of epoch keys, for the tenants that it is assigned to (`callvault tenant holder`)."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,38}$",
        description="Its own name; keep it for ever. `/readyz` shows it to anybody: name no company.",
    )
    provider: Provider = Field(description="As keys.provider.")
    key_file: Path | None = Field(None, description="file: the key ring, another one than keys.key_file.")
    passphrase_file: Path | None = Field(None, description="file: a file, mode 0600, with the passphrase.")
    awskms: AwsKmsPlace = AwsKmsPlace()
    credentials_file: Path | None = Field(
        None, description="awskms: a file, mode 0600, with the access key and the secret key, a line each."
    )
    openbao: OpenBaoSettings = OpenBaoSettings()
    pkcs11: Pkcs11Place = Pkcs11Place()
    pin_file: Path | None = Field(None, description="pkcs11: a file, mode 0600, with the user PIN.")

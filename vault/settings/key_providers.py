"""Sections for holders of epoch keys that are not a file; each counts only while `keys.provider` names it."""

from pathlib import Path

from pydantic import Field, SecretStr

from vault.settings.section import Section


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
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
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
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Keys are named `label/epoch-1` and so on: another one for each deployment on a token.",
    )

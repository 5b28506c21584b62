"""Sections for holders of epoch keys that are not a file; each counts only while `keys.provider` names it."""

from pydantic import Field, SecretStr

from vault.settings.section import Section


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

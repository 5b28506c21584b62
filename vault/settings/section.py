"""What all sections of the settings share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Bytes = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A table of ``callvault.toml``; unknown keys are an error, values cannot change later."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

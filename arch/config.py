"""The base of every configuration object."""

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Frozen, hashable, strict: no unknown keys, no coercion, no NaN or infinity.

    Raises
    ------
    pydantic.ValidationError
        On any bad field; :mod:`lockstep.arch.load` turns it into one line with file and line number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

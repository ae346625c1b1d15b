"""Address translation of a machine's DMA: the ``mmu`` section of a machine."""

from typing import Annotated

from pydantic import Field, ValidationError

from lockstep.arch.config import Config
from lockstep.arch.mmu import Mechanism, MmuConfig, Share


class MmuUse(Config):
    """Which MMU the DMA asks, and how scattered data lie in virtual memory.

    Parameters
    ----------
    preset : str
        A shipped MMU, or a path beside the machine file. DMA asks its ``dtlb``; it has no ``l1d``.
    mechanism, large_page_share : as of :class:`lockstep.arch.mmu.MmuConfig`, or None
        Instead of the preset's.
    kv_block_tokens : int
        Tokens of a block of the paged KV cache (16 in vLLM, Kwon et al., SOSP'23).
    seed : int
        Of where blocks lie, which rows of tables are read, and which experts are visited.
    """

    preset: str
    mechanism: Mechanism | None = None
    large_page_share: Share | None = None
    kv_block_tokens: Annotated[int, Field(ge=1, le=1 << 16)] = 16
    seed: Annotated[int, Field(ge=0, le=1 << 31)] = 0

    def applied(self, preset: MmuConfig) -> MmuConfig:
        """The preset with what this section says instead.

        Raises
        ------
        ValueError
            If DMA cannot use it, or its sections do not allow the mechanism.
        """
        if preset.l1d:
            raise ValueError(
                f"{preset.name} has an l1d, which DMA would not go through; name one with l1d: null"
            )
        said = {"mechanism": self.mechanism, "large_page_share": self.large_page_share}
        changes = {key: value for key, value in said.items() if value is not None}
        try:
            return MmuConfig.model_validate(preset.model_dump() | changes)
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ValueError(f"{preset.name} does not allow it: {reason}") from None

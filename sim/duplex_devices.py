"""Several devices that serve one model: how its tensors are cut, what crosses links, what fits.

Attention, dense feed-forward and head are cut over the devices of a node (tensor parallel); nodes
take sequences of their own. Experts are dealt out one by one over all devices (expert parallel), or
with ``expert_tensor`` over the nodes only, each cut over its node's devices (Duplex, MICRO'24,
section V-B: ET). Activations are whole on every device of a node, so results are summed by an
all-reduce in it, and cross between nodes to the experts and back.
"""

from dataclasses import dataclass

from lockstep.arch.error import InputError
from lockstep.arch.formats import format_named
from lockstep.arch.machine import System
from lockstep.arch.near_memory import RooflinePim
from lockstep.workloads.counts import kv_bytes_per_token, weight_bytes
from lockstep.workloads.model import Model
from lockstep.workloads.parts import Ffn, GroupedAttention, LmHead, MoeFfn, TokenEmbedding
from lockstep.workloads.phases import Formats


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Connections of devices; bandwidths are those of one direction.

    Parameters
    ----------
    bytes_per_s : float
        Of one device to the others of its node.
    network_bytes_per_s : float
        Of one node to the others.
    latency_s : float
        Of one collective, whatever its size.
    energy_pj_per_byte : float
        Per byte that leaves a device.
    """

    bytes_per_s: float
    network_bytes_per_s: float
    latency_s: float
    energy_pj_per_byte: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """Equal devices in nodes.

    Parameters
    ----------
    system : System
        One device.
    count : int
        Devices; more than ``node_devices`` make as many nodes as they need, all alike.
    node_devices : int
        Most devices of a node.
    capacity_bytes : float
        DRAM of one device.
    links : Links
        What connects them.
    expert_tensor : bool
        Whether experts are cut over a node's devices, not dealt out.
    """

    system: System
    count: int
    node_devices: int
    capacity_bytes: float
    links: Links
    expert_tensor: bool = False

    def __post_init__(self) -> None:
        if self.count < 1 or self.count % self.nodes:
            raise InputError(
                f"devices: {self.count} do not make {self.nodes} equal nodes of at most "
                f"{self.node_devices}; choose another number"
            )

    @property
    def nodes(self) -> int:
        """Nodes, each with sequences of its own."""
        return max(1, -(-self.count // self.node_devices))

    @property
    def per_node(self) -> int:
        """Devices of one node: as many as attention is cut into."""
        return self.count // self.nodes

    def expert_groups(self, experts: int) -> int:
        """Groups of devices that have experts of their own."""
        return min(experts, self.nodes if self.expert_tensor else self.count)

    def shard(self, model: Model) -> Model:
        """What one device computes: parts of all heads, all widths, and of every expert it may have.

        Raises
        ------
        lockstep.arch.error.InputError
            If the heads cannot be dealt out evenly.
        """
        cut = self.per_node
        if not (
            isinstance(model.attention, GroupedAttention)
            and isinstance(model.embedding, TokenEmbedding)
            and isinstance(model.head, LmHead)
        ):
            raise InputError(f"{model.name}: only decoders with grouped attention are served")
        if model.attention.heads % cut or model.attention.kv_heads % cut:
            raise InputError(
                f"devices: {model.name} has {model.attention.heads} heads and "
                f"{model.attention.kv_heads} of keys, which {cut} devices of a node cannot share"
            )
        attention = model.attention.model_copy(
            update={
                "heads": model.attention.heads // cut,
                "kv_heads": model.attention.kv_heads // cut,
            }
        )
        embedding = model.embedding.model_copy(update={"vocab": -(-model.embedding.vocab // cut)})
        return model.model_copy(
            update={
                "attention": attention,
                "embedding": embedding,
                "ffn": tuple(self._shard_ffn(f) for f in model.ffn),
            }
        )

    def _shard_ffn(self, ffn: Ffn) -> Ffn:
        cut = self.per_node
        if isinstance(ffn, MoeFfn):
            cut = self.count // self.expert_groups(ffn.experts)
        return ffn.model_copy(update={"intermediate": -(-ffn.intermediate // cut)})

    def weight_bytes(self, model: Model, formats: Formats) -> int:
        """Bytes of the weights of the device that has most."""
        own = self.shard(model)
        ffn = tuple(
            f.model_copy(update={"experts": -(-f.experts // self.expert_groups(f.experts))})
            if isinstance(f, MoeFfn)
            else f
            for f in own.ffn
        )
        return weight_bytes(own.model_copy(update={"ffn": ffn}), formats.weights)

    def kv_capacity_tokens(self, model: Model, formats: Formats) -> int:
        """Tokens of all sequences whose keys and values fit beside the weights.

        Where banks are split for co-processing, new prompts have one bundle for themselves, and the
        cache the others (Duplex, section V-C).

        Raises
        ------
        lockstep.arch.error.InputError
            If not even the weights fit.
        """
        weights = self.weight_bytes(model, formats)
        left = self.capacity_bytes - weights
        if left <= 0:
            raise InputError(
                f"devices: {self.count} of {self.capacity_bytes / 1e9:g} GB do not hold "
                f"{model.name}: {weights / 1e9:.1f} GB of weights each; name more devices"
            )
        pim = self.system.machine.pim
        if isinstance(pim, RooflinePim) and pim.co_processing:
            left = min(left, self.capacity_bytes * (1 - 1 / pim.bank_bundles))
        return int(left / (kv_bytes_per_token(model, formats.kv) / self.per_node)) * self.nodes

    def reduce(self, elements: float, fmt: str) -> tuple[float, float]:
        """Seconds and joules of one all-reduce in every node, of ``elements`` on each device.

        A ring: every device sends and receives the tensor twice, but for its own part.
        """
        n = self.per_node
        if n == 1:
            return 0.0, 0.0
        sent = 2 * (n - 1) / n * elements * _bytes(fmt)
        seconds = self.links.latency_s + sent / self.links.bytes_per_s
        return seconds, sent * self.count * self.links.energy_pj_per_byte * 1e-12

    def exchange(self, elements: float, fmt: str) -> tuple[float, float]:
        """Seconds and joules until every node has sent ``elements`` evenly to all nodes' experts."""
        if self.nodes == 1:
            return 0.0, 0.0
        sent = (self.nodes - 1) / self.nodes * elements * _bytes(fmt)
        seconds = self.links.latency_s + sent / self.links.network_bytes_per_s
        return seconds, sent * self.nodes * self.links.energy_pj_per_byte * 1e-12


def _bytes(fmt: str) -> float:
    return float(format_named(fmt).bits_per_element) / 8

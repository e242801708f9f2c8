"""Networks to pre-train: of random weights and any shape, or encoders that get a vocabulary head again."""

import copy
from pathlib import Path
from typing import Any

import torch
import transformers
from jaxtyping import Float
from tokenizers import Tokenizer
from torch import Tensor, nn

from limbeck.core.errors import BundleError, RecipeError
from limbeck.core.shape import parse_fresh
from limbeck.core.shelf import shelf
from limbeck.nn.checkpoint import check_whole, fresh, in_short, load_known, read_config
from limbeck.nn.model import backbone_of
from limbeck.nn.ports import Backbone, Parts
from limbeck.nn.types import Dims
from limbeck.text.encode import open_tokenizer
from limbeck.text.special_tokens import NAMES, special_id

MASKED_LM = "AutoModelForMaskedLM"
_TOKENS = {
    "pad_token_id": "pad_token",
    "mask_token_id": "mask_token",
    "bos_token_id": "cls_token",
    "eos_token_id": "sep_token",
}
"""Fields of a configuration, and the roles of the tokens that they number. Stock classes read no number of the mask; it
is written all the same, for those who fill masks without a tokenizer."""
_NEEDED = ("pad_token_id", "mask_token_id")
_WAVELENGTH = 10_000.0


def from_shape(
    backbone: str,
    shape: str,
    tokenizer: Path,
    *,
    head: str = MASKED_LM,
    positions: int = 512,
    sinusoidal: bool = False,
    place: str = "shape",
    **fields: Any,
) -> nn.Module:
    """A stock network with random weights.

    Args:
        backbone: Its family: a file of the backbones shelf.
        shape: `4x312`, or `layers=…,hidden=…,heads=…,intermediate=…`.
        tokenizer: A directory with the tokenizer.json whose tokens it is to know.
        head: Name of the auto class: `AutoModelForMaskedLM` or `AutoModelForPreTraining`.
        positions: Tokens of its longest input, ≥ 1.
        sinusoidal: Whether positions are sinusoids and stay so, instead of learned.
        place: The field that gave the shape, named in errors.
        **fields: Further fields of the family's configuration, as `embedding_size=128`.

    Raises:
        ShelfError: There is no such family.
        RecipeError: The family has no network of that shape, or no such field.
        BundleError: The tokenizer cannot be used.
    """
    config, known = shaped_config(backbone, shape, place=place, **fields), open_tokenizer(tokenizer / "tokenizer.json")
    config.vocab_size = known.get_vocab_size()
    for name, number in _numbers(known, tokenizer).items():
        setattr(config, name, number)
    config.max_position_embeddings = positions + backbone_of(config).first_position(config)
    network = fresh(config, head)
    if sinusoidal:
        fix_positions(network)
    return network


def shaped_config(backbone: str, shape: str, *, place: str = "shape", **fields: Any) -> Any:
    """The configuration of a network of a shape, before there is a tokenizer for it.

    Args:
        backbone: As `from_shape`'s; likewise `shape`, `place` and `fields`.
        shape: See `backbone`.
        place: See `backbone`.
        **fields: See `backbone`.

    Raises:
        ShelfError: There is no such family.
        RecipeError: The family has no network of that shape, or no such field.
    """
    wanted = parse_fresh(shape, place)
    family: Backbone = shelf("backbones").load(backbone)
    config = _config(backbone, place, fields)
    # A family compares these with its embeddings' width, and with how many layers take turns.
    config.hidden_size = wanted.hidden
    config.num_hidden_layers = wanted.layers // getattr(config, "inner_group_num", 1)
    dims = Dims(wanted.layers, wanted.hidden, wanted.heads, wanted.intermediate)
    try:
        return family.build(family.Spec(), config, dims)
    except RecipeError as error:
        raise RecipeError(f"{place}: {shape!r} ({error})") from None


def _config(backbone: str, place: str, fields: dict[str, Any]) -> Any:
    kind = backbone.replace("_", "-")
    known = transformers.AutoConfig.for_model(kind).to_dict().keys() - {"model_type"}
    if unknown := [name for name in fields if name not in known]:
        raise RecipeError(f"{place}: {backbone} has no {', '.join(unknown)}; give fields of its config.json")
    try:
        return transformers.AutoConfig.for_model(kind, **fields)
    except Exception as error:  # every field has its own way to fail
        told = ", ".join(f"{name}: {value!r}" for name, value in fields.items())
        raise RecipeError(f"{place}: {backbone} cannot have {told} ({in_short(error)})") from None


def foreseen_parts(config: Any, head: str, place: str) -> Parts:
    """Where the parts of a network of a configuration will be; no weights are made.

    Args:
        config: The configuration.
        head: Name of the auto class.
        place: The field that decided it, named in errors.

    Raises:
        RecipeError: There is no such network.
    """
    try:
        with torch.device("meta"):
            network = fresh(config, head)
    except Exception as error:  # every field has its own way to fail
        raise RecipeError(
            f"{place}: there is no {config.model_type} network of that kind ({in_short(error)})"
        ) from None
    return backbone_of(config).parts(network)


def _numbers(tokenizer: Tokenizer, folder: Path) -> dict[str, int]:
    """Field → number of the special token, of those that there are."""
    found = {}
    for field, role in _TOKENS.items():
        number = special_id(tokenizer, role)
        if number is not None:
            found[field] = number
        elif field in _NEEDED:
            raise BundleError(f"{folder}: its tokenizer has neither {' nor '.join(NAMES[role])}; masked texts need it")
    return found


def fix_positions(network: nn.Module) -> None:
    """Make the positions of a network sinusoids that are not trained; saved, they are a table as any other.

    A network that is opened again has them, but trains them, unless it is given here once more.
    """
    config: Any = network.config
    backbone = backbone_of(config)
    table, first = backbone.parts(network).tables[1].weight, backbone.first_position(config)
    with torch.no_grad():
        table[first:] = sinusoids(len(table) - first, table.shape[1])
    table.requires_grad_(False)
    if hasattr(config, "sinusoidal_pos_embds"):
        config.sinusoidal_pos_embds = True


def sinusoids(positions: int, width: int) -> Float[Tensor, "positions width"]:
    """`sin(p / 10000^(2i/d))` in feature 2i, the cosine in 2i + 1 (Vaswani et al. 2017, arXiv:1706.03762, section 3.5).

    >>> [round(x, 4) for x in sinusoids(2, 4)[1].tolist()]  # sin 1, cos 1, sin 1/100, cos 1/100
    [0.8415, 0.5403, 0.01, 0.9999]
    """
    features = torch.arange(width)
    rates = _WAVELENGTH ** (-(features - features % 2).double() / width)
    angles = torch.arange(positions).double()[:, None] * rates
    return torch.where(features % 2 == 0, angles.sin(), angles.cos()).float()


def with_vocabulary_head(source: Path | nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """A masked language model of an encoder, with its own head as far as that is there; else with a fresh one.

    The decoder of a fresh head is tied to the table of tokens, its bias 0.

    Args:
        source: A directory with config.json and safetensors, or a stock network, whose encoder is copied.

    Returns:
        The network, and the names of the parameters that are new: of the head, and the same objects as the network's.

    Raises:
        BundleError: The checkpoint cannot be used.
    """
    if isinstance(source, Path):
        return with_heads(source, MASKED_LM)
    return _begun(*_around(source))


def with_heads(source: Path, head: str) -> tuple[nn.Module, tuple[str, ...]]:
    """A network for pre-training of a checkpoint, with its own heads as far as they are there; else with fresh ones.

    Args:
        source: A directory with config.json and safetensors.
        head: Name of the auto class: `AutoModelForMaskedLM` or `AutoModelForPreTraining`.

    Returns:
        As `with_vocabulary_head` does.

    Raises:
        BundleError: The checkpoint cannot be used.
    """
    network, new = load_known(source, read_config(source), head)
    parts = backbone_of(network.config).parts(network)
    heads = [*parts.head, *parts.on_top(), *(parts.vocabulary.modules() if parts.vocabulary else ())]
    may_be_new = {id(p) for module in heads for p in module.parameters()}
    named = dict(network.named_parameters(remove_duplicate=False))
    check_whole(source, {name for name in new if id(named[name]) not in may_be_new})
    return _begun(network, new)


def _begun(network: nn.Module, new: set[str]) -> tuple[nn.Module, tuple[str, ...]]:
    """Tie a fresh decoder to the table of tokens, and name the parameters that are new."""
    named = dict(network.named_parameters(remove_duplicate=False))
    fresh_ones = {id(named[name]) for name in new}
    if (head := backbone_of(network.config).parts(network).vocabulary) is not None:
        if id(head.decoder.weight) in fresh_ones:
            network.config.tie_word_embeddings = True  # type: ignore[union-attr]
            network.tie_weights()  # type: ignore[operator]
        if id(head.decoder.bias) in fresh_ones:
            nn.init.zeros_(head.decoder.bias)
    table = network.get_input_embeddings().weight  # type: ignore[operator]
    return network, tuple(name for name, p in network.named_parameters() if id(p) in fresh_ones and p is not table)


def _around(source: nn.Module) -> tuple[nn.Module, set[str]]:
    """A masked language model with the encoder of a stock network, and the names of its parameters that are new."""
    network: Any = fresh(copy.deepcopy(source.config), MASKED_LM)
    encoder: Any = source.base_model
    known = {f"{network.base_model_prefix}.{name}": value for name, value in encoder.state_dict().items()}
    known |= source.state_dict()
    taken = {name: known[name] for name in network.state_dict() if name in known}
    network.load_state_dict(taken, strict=False)
    return network.to(encoder.device).eval(), set(network.state_dict()) - set(taken)

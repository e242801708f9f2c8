"""Networks to pre-train: of any shape from nothing, and encoders that get a vocabulary head again."""

from dataclasses import replace

import pytest
import torch
import transformers

from limbeck.core.errors import BundleError, RecipeError, ShelfError
from limbeck.nn.beginnings import MASKED_LM, fix_positions, from_shape, sinusoids, with_vocabulary_head
from limbeck.nn.checkpoint import load_network, resolve
from limbeck.nn.model import longest_input, tapped
from limbeck.nn.types import Reads
from tests import models
from tests.makers import tiny_tokenizer

SHAPES = {"mobilebert": "layers=2,hidden=512,heads=4,intermediate=512"}
"""Families of which not every shape can be."""


@pytest.fixture
def folder_of(tmp_path):
    """A directory with a family's tokenizer alone."""

    def make(family="bert"):
        tokenizer = models.TOKENIZERS.get(family, tiny_tokenizer)()
        tokenizer.save(str(tmp_path / "tokenizer.json"))
        return tmp_path, tokenizer

    return make


@pytest.mark.parametrize("family", models.FAMILIES)
@pytest.mark.parametrize("sinusoidal", [False, True], ids=["learned", "sinusoidal"])
def test_networks_of_any_shape_run_save_and_open_with_stock_classes(family, sinusoidal, folder_of, tmp_path):
    folder, tokenizer = folder_of(family)
    shape = SHAPES.get(family, "2x24")
    network = from_shape(family, shape, folder, positions=20, sinusoidal=sinusoidal)
    model = tapped(network.eval(), per_word=True)
    assert (model.dims.layers, model.dims.labels) == (2, tokenizer.get_vocab_size())
    assert longest_input(network.config) == 20
    pad, mask = (next(filter(None, map(tokenizer.token_to_id, names)), 0) for names in (("[PAD]", "<pad>"), MASKS))
    assert (network.config.pad_token_id, network.config.mask_token_id) == (pad, mask)
    network.save_pretrained(tmp_path / "saved")
    again = load_network(tmp_path / "saved", MASKED_LM)
    assert again.config.mask_token_id == mask
    batch = models.masked((20, 7))
    with torch.no_grad():
        found = [m.run(batch, Reads(logits=True)).vocabulary for m in (model, tapped(again, per_word=True))]
        torch.testing.assert_close(found[0].logits(), found[1].logits())


MASKS = ("[MASK]", "<mask>")


@pytest.mark.parametrize("family", models.FAMILIES)
def test_sinusoids_are_not_trained_and_stay(family, folder_of, tmp_path):
    folder, _ = folder_of(family)
    network = from_shape(family, SHAPES.get(family, "2x24"), folder, positions=20, sinusoidal=True)
    model = tapped(network, per_word=True)
    table, rest = model.parts.tables[1].weight, len(model.parts.tables[1].weight) - 20
    torch.testing.assert_close(table[rest:], sinusoids(20, table.shape[1]))
    assert not table.requires_grad
    assert sum(not p.requires_grad for p in network.parameters()) == 1
    network.save_pretrained(tmp_path / "saved")
    again = load_network(tmp_path / "saved", MASKED_LM)
    fix_positions(again)
    kept = tapped(again, per_word=True).parts.tables[1].weight
    torch.testing.assert_close(kept, table)
    assert not kept.requires_grad


def test_sinusoids_of_distilbert_are_the_stock_ones(folder_of):
    folder, _ = folder_of()
    network = from_shape("distilbert", "1x24", folder, positions=20, sinusoidal=True)
    assert network.config.sinusoidal_pos_embds
    stock = transformers.DistilBertModel(network.config).embeddings.position_embeddings.weight
    torch.testing.assert_close(network.distilbert.embeddings.position_embeddings.weight, stock, atol=1e-6, rtol=1e-5)


def test_pre_training_has_both_heads(folder_of):
    folder, _ = folder_of()
    model = tapped(from_shape("bert", "1x24", folder, head="AutoModelForPreTraining"), per_word=True)
    assert model.parts.vocabulary is not None
    assert model.parts.relation.out_features == 2


def test_fields_of_the_family_are_taken(folder_of):
    folder, _ = folder_of()
    network = from_shape("electra", "1x24", folder, embedding_size=16, hidden_dropout_prob=0.0)
    assert (network.config.embedding_size, network.config.hidden_dropout_prob) == (16, 0.0)
    assert tapped(from_shape("electra", "1x24", folder, embedding_size=24), per_word=True).parts.projection is None
    assert from_shape("electra", "1x24", folder, embedding_size=256).config.embedding_size == 256  # as wide as its base


@pytest.mark.parametrize(
    ("family", "shape", "told"),
    [
        ("bert", "half", r"shape: 'half' is no whole shape; write 4x312"),
        ("bert", "layers=4", r"shape: 'layers=4' is no whole shape"),
        ("bert", "0x24", r"too small a size; give numbers from 1"),
        ("bert", "layers=1,hidden=24,heads=5", r"heads=5 does not divide hidden=24 .*; 1, 2, 3, 4 do"),
        ("mobilebert", "2x24", r"shape: '2x24' \(.*bottlenecks tie its widths together"),
    ],
)
def test_impossible_shapes_are_refused_with_the_remedy(family, shape, told, folder_of):
    with pytest.raises(RecipeError, match=told):
        from_shape(family, shape, folder_of()[0])


def test_weights_are_fp32_and_layers_may_take_turns(folder_of):
    folder, _ = folder_of()
    assert from_shape("bert", "1x24", folder, dtype="bfloat16").dtype == torch.float32
    assert from_shape("albert", "4x24", folder, num_hidden_groups=2).config.num_hidden_layers == 4


def test_unknown_families_fields_and_tokenizers_are_refused(folder_of, tmp_path):
    folder, tokenizer = folder_of()
    with pytest.raises(ShelfError, match=r"gpt.*bert"):
        from_shape("gpt", "1x24", folder)
    with pytest.raises(RecipeError, match=r"pretrain\.model: bert has no hidden_dropout; give fields"):
        from_shape("bert", "1x24", folder, place="pretrain.model", hidden_dropout=0.0)
    for field, value in {"model_type": "x", "to_dict": 1, "use_return_dict": True}.items():
        with pytest.raises(RecipeError, match=f"bert has no {field}; give fields"):
            from_shape("bert", "1x24", folder, **{field: value})
    with pytest.raises(RecipeError, match=r"shape: bert cannot have hidden_dropout_prob: 'high' \(.*float"):
        from_shape("bert", "1x24", folder, hidden_dropout_prob="high")
    with pytest.raises(BundleError, match=r"tokenizer\.json"):
        from_shape("bert", "1x24", tmp_path / "nothing")
    text = tokenizer.to_str().replace("[MASK]", "[HIDE]")
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises(BundleError, match=r"neither \[MASK\] nor <mask>"):
        from_shape("bert", "1x24", folder)


@pytest.mark.parametrize("family", models.FAMILIES)
@pytest.mark.parametrize("opened", [False, True], ids=["directory", "network"])
def test_an_encoder_gets_a_head_again(family, opened, tmp_path):
    folder = models.backbone(tmp_path / "bare", family)
    bare = transformers.AutoModel.from_pretrained(folder, use_safetensors=True).eval()
    network, new = with_vocabulary_head(bare if opened else folder)
    model = tapped(network, per_word=True)
    head, named = model.parts.vocabulary, dict(network.named_parameters())
    fresh = {id(named[name]) for name in new}
    assert fresh == {id(p) for m in head.modules() for p in m.parameters()} - {id(head.decoder.weight)}
    assert head.decoder.weight is network.get_input_embeddings().weight
    assert not head.decoder.bias.any()
    ids = torch.arange(3, 12)[None]
    with torch.no_grad():
        torch.testing.assert_close(network.base_model(ids).last_hidden_state, bare(ids).last_hidden_state)
    network.save_pretrained(tmp_path / "saved")
    assert with_vocabulary_head(tmp_path / "saved")[1] == ()


@pytest.mark.parametrize("head", ["MaskedLM", "PreTraining"])
def test_a_head_that_is_there_is_kept(head, tmp_path):
    network = models.pretrained("bert", head)
    network.save_pretrained(tmp_path)
    batch = models.masked()
    with torch.no_grad():
        wanted = tapped(network, per_word=True).run(batch, Reads(logits=True)).vocabulary.logits()
        for source in (tmp_path, network):
            again, new = with_vocabulary_head(source)
            assert new == ()
            got = tapped(again, per_word=True).run(batch, Reads(logits=True)).vocabulary.logits()
            torch.testing.assert_close(got, wanted)


def test_a_new_head_of_the_embedded_backbone_is_tied():
    network, new = with_vocabulary_head(resolve("minilm-l6"))
    assert {name.removeprefix("cls.predictions.") for name in new} == {
        "bias",
        "transform.dense.weight",
        "transform.dense.bias",
        "transform.LayerNorm.weight",
        "transform.LayerNorm.bias",
    }
    batch = replace(models.masked(), targets=torch.zeros_like(models.masked().targets))
    with torch.no_grad():
        got = tapped(network, per_word=True).run(batch, Reads(logits=True)).vocabulary
    assert got.weight.shape == (30522, 384)
    assert got.logits().isfinite().all()


def test_a_checkpoint_that_lacks_more_than_a_head_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = models.backbone(tmp_path / "bare")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BundleError, match=r"no usable weights for bert\.encoder\.layer\.1\.output\.dense\.weight"):
        with_vocabulary_head(folder)

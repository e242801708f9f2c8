"""RoBERTa and XLM-R: positions after the padding's, one token type, tokenizers that are no WordPiece."""

import pytest
import torch

from limbeck.core.errors import BundleError
from limbeck.nn.checkpoint import check_length, fresh, read_config
from limbeck.nn.model import longest_input, tapped
from limbeck.nn.tokenizers import save_tokenizer
from limbeck.nn.types import Batch, Reads
from limbeck.text.encode import Encoder
from tests import models
from tests.makers import byte_level_tokenizer

FAMILIES = ["roberta", "xlm_roberta"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_table_of_66_positions_serves_64_tokens(family, tmp_path):
    folder = models.backbone(tmp_path, family, layers=1)
    config = read_config(folder)
    assert (config.max_position_embeddings, longest_input(config)) == (66, 64)
    check_length(folder, 64)
    with pytest.raises(BundleError, match="max_length 65 is more than the model's 64 positions"):
        check_length(folder, 65)


@pytest.mark.parametrize("family", FAMILIES)
def test_longest_input_runs(family):
    batch = models.batch((64,))
    assert torch.isfinite(models.model(family).run(batch, Reads(True)).logits).all()


@pytest.mark.parametrize("types", [1, 2])
def test_second_text_has_a_type_only_where_there_are_two(types):
    config = models.config("roberta")
    config.type_vocab_size = types
    model = tapped(fresh(config, "AutoModelForSequenceClassification").eval(), per_word=False)
    one = models.batch((9,))
    pair = Batch(one.input_ids, (torch.arange(9) > 4).long(), one.lengths, one.targets, one.items, one.rows)
    with torch.no_grad():
        same = torch.equal(*(model.run(batch, Reads(True)).logits for batch in (one, pair)))
    assert same == (types == 1)


def test_tokenizer_of_two_files_becomes_one(tmp_path):
    """RoBERTa's first checkpoints have vocab.json and merges.txt alone."""
    source, out = models.backbone(tmp_path / "source", "roberta", layers=1), tmp_path / "out"
    (source / "tokenizer.json").unlink()
    byte_level_tokenizer().model.save(str(source))
    out.mkdir()
    save_tokenizer(source, out)
    texts = ["a good film, not very bad", "anna visited oslo"]
    again = Encoder.read(out / "tokenizer.json", 64).texts(texts)
    known = Encoder(byte_level_tokenizer(), 64).texts(texts)
    assert [x.ids.tolist() for x in again] == [x.ids.tolist() for x in known]

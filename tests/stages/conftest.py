"""Rows and backbones that stages are run on."""

import pytest

from limbeck.core.bundle import Bundle
from limbeck.core.journal import Journal
from limbeck.pipeline import run_stage
from tests import models


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A directory for what several tests share."""
    return tmp_path_factory.mktemp("shared")


def made(stage: str, out, inputs=None, **fields) -> Bundle:
    """Run a stage quietly."""
    return run_stage(stage, inputs or {}, fields, out, (), Journal(quiet=True))


@pytest.fixture(scope="session")
def data(folder) -> Bundle:
    """Reviews of two labels."""
    return made("prepare", folder / "data", train=str(models.reviews(folder / "reviews.csv")))


@pytest.fixture(scope="session")
def tags(folder) -> Bundle:
    """Sentences with persons and places."""
    return made("prepare", folder / "tags", train=str(models.entities(folder / "entities.conll")))


@pytest.fixture(scope="session")
def teacher(folder, data) -> Bundle:
    """A BERT of four layers that has learned the reviews."""
    backbone = models.backbone(folder / "backbone")
    fields = {"model": str(backbone), "max_length": 32, "epochs": 8, "learning_rate": 3e-3, "batch_size": 16}
    return made("finetune", folder / "teacher", {"data": data}, **fields)


@pytest.fixture(scope="session")
def tagger(folder, tags) -> Bundle:
    """A DistilBERT of four layers that has learned the entities."""
    backbone = models.backbone(folder / "distil-backbone", "distilbert")
    fields = {"model": str(backbone), "max_length": 32, "epochs": 4, "learning_rate": 3e-3, "batch_size": 16}
    return made("finetune", folder / "tagger", {"data": tags}, **fields)

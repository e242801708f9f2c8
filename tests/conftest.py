"""What holds for every test: no network, the same seeds, and tensor shapes checked against their types."""

import os
import random
import socket
import sys
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
install_import_hook(["limbeck.nn", "limbeck.objectives", "limbeck.augmenters", "limbeck.engine"], "beartype.beartype")
settings.register_profile("limbeck", deadline=None, max_examples=30, derandomize=True, database=None)
settings.load_profile("limbeck")


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection but those between processes of this machine, unless the test is marked `network`."""
    if request.node.get_closest_marker("network"):
        return
    connect = socket.socket.connect

    def local(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            _refuse(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local)
    monkeypatch.setattr(socket.socket, "connect_ex", local)
    monkeypatch.setattr(socket, "getaddrinfo", _refuse)


def _refuse(address: Any, *_: Any, **__: Any) -> NoReturn:
    raise AssertionError(f"a test tried to reach {address!r}; mark it `network` if it must")


@pytest.fixture(autouse=True)
def _seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
        torch.set_num_threads(1)  # tiny tensors are done sooner by one


@pytest.fixture(autouse=True)
def _accelerator(request: pytest.FixtureRequest) -> None:
    """Skip tests marked `gpu` where there is none."""
    if request.node.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no accelerator")

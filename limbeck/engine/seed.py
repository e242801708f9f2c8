"""One seed for everything random in a stage."""

import random

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed Python, numpy and torch."""
    random.seed(seed)
    np.random.seed(seed)  # libraries draw from the global generator
    torch.manual_seed(seed)


def random_state() -> list[torch.Tensor]:
    """Where torch's generators stand: the CPU's, then each accelerator's. Nothing else is drawn from in a training."""
    return [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]


def fits_here(states: list[torch.Tensor]) -> bool:
    """Whether there are as many accelerators here as where the generators stood."""
    return len(states) == 1 + torch.cuda.device_count()


def set_random_state(states: list[torch.Tensor]) -> None:
    """Put the generators back to where they stood."""
    torch.set_rng_state(states[0])
    torch.cuda.set_rng_state_all(states[1:])

"""What losses between maps of attention cost, found a few at a time or through maps that are held whole, in turn.

    python benchmarks/attention_maps.py [--rounds 9] [--threads 2]

Forward and backward, fp32, 12 heads, a student of 312 and a teacher of 384 features. Memory is what the forward pass
leaves to the backward pass.
"""

import argparse
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import kl_div, mse_loss

from limbeck.nn.maps import Sides, divergence, mean_squares

HEADS, WIDTH, OF = 12, 312, 384
TEXTS = ((64, 128), (16, 512))
"""Texts and tokens of each."""
Loss = Callable[[Sides], Tensor]


def whole(left: Tensor, right: Tensor) -> Tensor:
    """All maps at once, as it is written by hand."""
    return left.transpose(1, 2) @ right.permute(0, 2, 3, 1) / math.sqrt(left.shape[-1])


def whole_divergence(sides: Sides) -> Tensor:
    """The library's divergence of whole maps."""
    student, teacher = (whole(*both).log_softmax(-1) for both in (sides[:2], sides[2:]))
    return kl_div(student, teacher, reduction="sum", log_target=True) / student[..., 0].numel()


def whole_squares(sides: Sides) -> Tensor:
    """The library's mean squared difference of whole maps."""
    return mse_loss(whole(*sides[:2]), whole(*sides[2:]))


PAIRS: tuple[tuple[str, Loss, Loss], ...] = (
    ("divergence (MiniLM, MiniLMv2)", whole_divergence, lambda sides: divergence([sides])),
    ("mean squares (TinyBERT)", whole_squares, lambda sides: mean_squares([sides])),
)


def measured(loss: Loss, sides: Sides) -> tuple[float, float]:
    """Seconds of a forward and a backward pass, and MiB kept between them."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    start = time.perf_counter()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss(sides).backward()
    return time.perf_counter() - start, sum(kept.values()) / 2**20


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("| loss | texts | whole maps, ms | a few at a time, ms | ratio, median (min–max) | kept, MiB |")
    print("|---|---|---|---|---|---|")
    for name, by_hand, ours in PAIRS:
        for texts, tokens in TEXTS:
            own, of = (torch.randn(texts, tokens, HEADS, width // HEADS) for width in (WIDTH, OF))
            sides = Sides(own.requires_grad_(), own, of, of)
            both = [(measured(by_hand, sides), measured(ours, sides)) for _ in range(options.rounds + 1)][1:]
            ratios = sorted(a[0] / b[0] for a, b in both)
            best = [1000 * min(one[side][0] for one in both) for side in (0, 1)]
            middle = ratios[len(ratios) // 2]
            print(
                f"| {name} | {texts} × {tokens} | {best[0]:.0f} | {best[1]:.0f} | {middle:.2f} ({ratios[0]:.2f}–"
                f"{ratios[-1]:.2f}) | {both[-1][0][1]:.0f} → {both[-1][1][1]:.0f} |"
            )


if __name__ == "__main__":
    main()

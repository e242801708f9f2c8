"""Several teachers as one: equal ones are one, and shares are those worked by hand."""

import pytest
import torch

from limbeck.nn.ensemble import by_confidence, by_loss, combined


@pytest.mark.parametrize("answer", ["class", "classes", "value"])
def test_equal_teachers_say_what_each_says(answer):
    logits = 20 * torch.randn(7, 1 if answer == "value" else 3, generator=torch.Generator().manual_seed(0))
    three = logits.expand(3, *logits.shape)
    shares = [torch.tensor([0.5, 0.3, 0.2]).view(3, 1, 1)]
    shares += [] if answer == "value" else [by_confidence(three, answer)]
    for weights in shares:
        torch.testing.assert_close(combined(three, weights, answer), logits, rtol=1e-5, atol=1e-4)


def test_each_label_has_the_mean_of_its_own_probabilities():
    logits = torch.tensor([[[0.9, 0.2]], [[0.5, 0.4]]]).logit()
    found = combined(logits, torch.full((2, 1, 1), 0.5), "classes").sigmoid()
    torch.testing.assert_close(found, torch.tensor([[0.7, 0.3]]))


def test_confidence_is_that_of_each_label():
    logits = torch.tensor([[[0.0, 300.0]], [[300.0, 0.0]]])  # entropies: ln 2 and 0, each way round
    found = by_confidence(logits, "classes")
    torch.testing.assert_close(found, torch.tensor([[[1 / 3, 2 / 3]], [[2 / 3, 1 / 3]]]))


def test_shares_by_loss_survive_extremes():
    assert by_loss([2000.0, 2000.0], "class") == [0.5, 0.5]
    assert by_loss([0.0, 1.0], "value")[0] == pytest.approx(1.0)

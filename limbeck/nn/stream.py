"""What a narrower student's residual stream is made of: some of its teacher's features, or principal components."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from limbeck.nn.model import Model
from limbeck.nn.types import Batch, Reads

_RIDGE = 1e-3
"""What least squares add to variances, in mean variances of the student's features: few rows must not decide much."""
_SMALL = 1e-6
"""The same for a feature by itself, whose variance is 1 or so after a normalisation."""


@runtime_checkable
class Stream(Protocol):
    """How what touches the teacher's residual stream becomes what touches its student's."""

    def written(self, rows: Float[Tensor, "hidden ..."]) -> Float[Tensor, "narrow ..."]:
        """Weights or biases of what is added to the stream, a row for each feature."""

    def read(self, linear: nn.Linear) -> tuple[Float[Tensor, "outputs narrow"], Float[Tensor, " outputs"]]:
        """Weight and bias of a layer that reads the stream."""

    def normed(self, norm: Any) -> tuple[Float[Tensor, " narrow"], Float[Tensor, " narrow"]]:
        """Weight and bias of a normalisation of the stream."""


@dataclass(frozen=True)
class Kept:
    """Features of the teacher's stream as they are. Means and variances are theirs alone, which is an approximation.

    Attributes:
        features: Which.
    """

    features: Int[Tensor, " narrow"]

    def written(self, rows: Float[Tensor, "hidden ..."]) -> Float[Tensor, "narrow ..."]:
        """Their rows."""
        return rows[self.features]

    def read(self, linear: nn.Linear) -> tuple[Float[Tensor, "outputs narrow"], Float[Tensor, " outputs"]]:
        """Their columns."""
        return linear.weight[:, self.features], linear.bias

    def normed(self, norm: Any) -> tuple[Float[Tensor, " narrow"], Float[Tensor, " narrow"]]:
        """Their weights and biases."""
        return norm.weight[self.features], norm.bias[self.features]


@dataclass(frozen=True)
class Components:
    """Principal components of the teacher's stream; `principal` makes them.

    Attributes:
        basis: U: the student's stream is `s = Uᵀh`.
        readers: By the id of each layer that reads the stream, P and c of `h ≈ P s + c` where it reads.
        norms: By the id of each normalisation, the student's weight and bias.
    """

    basis: Float[Tensor, "hidden narrow"]
    readers: Mapping[int, tuple[Float[Tensor, "hidden narrow"], Float[Tensor, " hidden"]]]
    norms: Mapping[int, tuple[Float[Tensor, " narrow"], Float[Tensor, " narrow"]]]

    def written(self, rows: Float[Tensor, "hidden ..."]) -> Float[Tensor, "narrow ..."]:
        """Projected."""
        projected: Tensor = torch.tensordot(self.basis, rows, dims=([0], [0]))
        return projected

    def read(self, linear: nn.Linear) -> tuple[Float[Tensor, "outputs narrow"], Float[Tensor, " outputs"]]:
        """After what the student's stream tells of the teacher's."""
        back, rest = self.readers[id(linear)]
        return linear.weight @ back, linear.bias + linear.weight @ rest

    def normed(self, norm: Any) -> tuple[Float[Tensor, " narrow"], Float[Tensor, " narrow"]]:
        """As fitted."""
        return self.norms[id(norm)]


@torch.no_grad()
def principal(model: Model, width: int, batches: Sequence[Batch]) -> Components:
    """The principal components of a model's hidden states, wherever a layer reads them, as a student's stream.

    All parts add to one residual stream, so that one basis U must serve them all: the direction of equal features, and
    the eigenvectors of the centred covariances' sum that are orthogonal to it. SliceGPT (Ashkboos et al. 2024,
    arXiv:2401.15024, section 3) does so where the norm has no mean and comes before the layer; in BERT it comes after
    each addition, so that its weight lies in the stream and cannot be folded away.

    Exact: what is added to the stream, embeddings included, as `Uᵀ(a + b) = Uᵀa + Uᵀb`; and the mean that a
    normalisation takes away, as U brings the student's direction of equal features to the teacher's,
    `U 1/√d = 1/√D`, so that `Uᵀ(x − mean x) = Uᵀx − mean Uᵀx`.

    Approximate, each by least squares over the tokens of the batches:

    - what lies outside U is told from what lies inside where a layer reads: `h ≈ P s + c` with
      `P = C U (Uᵀ C U)⁻¹`, C the covariance there; W then becomes `W P`, and `b + W c` its bias;
    - a normalisation divides by the deviation within U, and its weight, diagonal for the teacher's features, is not
      for components: each feature gets the weight and the bias that bring it nearest to `Uᵀ` of the teacher's;
    - so does each feature of a vocabulary head, which meets narrower token vectors: its layer gives `Uᵀ` of what the
      teacher's gives, of which the activation is taken, though it would have to be taken before.

    Args:
        model: The model to be cut, as deep as the student.
        width: Features of the student's stream, fewer than the model's.
        batches: A few hundred examples suffice.
    """
    layers = model.parts.layers
    moments = _moments(model, batches)
    basis = _basis(torch.stack([one.covariance for one in moments.values()]).sum(0), width)
    backs = {key: _back(one, basis) for key, one in moments.items()}
    readers = {
        id(reader): backs[id(layer.query)] for layer in layers for reader in (layer.query, layer.key, layer.value)
    }
    readers |= {id(layer.ffn_in): backs[id(layer.ffn_in)] for layer in layers}
    readers |= {id(reader): backs[id(layers[-1].ffn_norm)] for reader in model.parts.readers()}
    return Components(basis.float(), readers, _norms(model, batches, basis))


@dataclass
class _Moments:
    """Sums over vectors, one to a row.

    Attributes:
        count: Vectors.
        total: Their sum.
        products: The sum of their outer products.
    """

    count: int = 0
    total: Tensor | float = 0.0
    products: Tensor | float = 0.0

    def add(self, rows: Float[Tensor, "rows features"]) -> None:
        """Take in more."""
        rows = rows.double()
        self.count += len(rows)
        self.total = self.total + rows.sum(0)
        self.products = self.products + rows.T @ rows

    @property
    def mean(self) -> Tensor:
        """Of each feature."""
        return torch.as_tensor(self.total / self.count)

    @property
    def covariance(self) -> Tensor:
        """Of each two features."""
        return self.products / self.count - torch.outer(self.mean, self.mean)


def _moments(model: Model, batches: Sequence[Batch]) -> dict[int, _Moments]:
    """Of the stream where layers read it, by the id of the reader; where the head does, of the norm before it."""
    layers, last = model.parts.layers, model.parts.layers[-1].ffn_norm
    found: dict[int, _Moments] = {}

    def take(module: nn.Module, given: Tensor, made: Tensor) -> None:
        found.setdefault(id(module), _Moments()).add(made if module is last else given)

    _watch(model, batches, [last, *(reader for layer in layers for reader in (layer.query, layer.ffn_in))], take)
    return found


def _basis(covariance: Float[Tensor, "hidden hidden"], width: int) -> Float[Tensor, "hidden narrow"]:
    """U, orthonormal. Turned by the reflection that takes the first axis to the direction of equal features."""
    hidden = len(covariance)
    equal = torch.full_like(covariance[0], hidden**-0.5)
    centred = covariance - torch.outer(equal, equal @ covariance)
    vectors = torch.linalg.eigh(centred - torch.outer(centred @ equal, equal)).eigenvectors
    mirror = torch.full_like(covariance[0, :width], -(width**-0.5))
    mirror[0] += 1
    components = torch.cat([equal[:, None], vectors[:, 1 - width :].flip(1)], 1)
    return components - torch.outer(components @ mirror, mirror) * (2 / (mirror @ mirror))


def _back(moments: _Moments, basis: Float[Tensor, "hidden narrow"]) -> tuple[Tensor, Tensor]:
    """P and c of `h ≈ P s + c`; where the tokens tell little, P stays U."""
    crossed = moments.covariance @ basis
    inside = basis.T @ crossed
    ridge = torch.eye(len(inside)).to(inside) * (_RIDGE * inside.diagonal().mean())
    back = basis + torch.linalg.solve(inside + ridge, crossed - basis @ inside, left=False)
    return back.float(), (moments.mean - back @ (basis.T @ moments.mean)).float()


def _norms(model: Model, batches: Sequence[Batch], basis: Float[Tensor, "hidden narrow"]) -> dict[int, Any]:
    """By the id of each norm of the stream, the weight and the bias that fit each feature best."""
    parts, head, width = model.parts, model.parts.vocabulary, basis.shape[1]
    norms = [norm for layer in parts.layers for norm in (layer.attention_norm, layer.ffn_norm)]
    if parts.projection is None:
        norms.append(parts.embedding_norm)
    found: dict[int, _Moments] = {}

    def take(norm: Any, given: Tensor, made: Tensor) -> None:
        unit = layer_norm(given.double() @ basis, (width,), eps=norm.eps)
        found.setdefault(id(norm), _Moments()).add(torch.cat([unit, made.double() @ basis], 1))

    def take_features(dense: Any, given: Tensor, made: Tensor) -> None:
        assert head is not None
        unit = layer_norm(head.activation(made @ basis.float()).double(), (width,), eps=eps)
        features = head.norm(head.activation(made)).double() @ basis
        found.setdefault(id(head.norm), _Moments()).add(torch.cat([unit, features], 1))

    _watch(model, batches, norms, take)
    if head is not None and parts.projection is None:
        eps: float = head.norm.eps  # type: ignore[assignment]
        _watch(model, batches, [head.dense], take_features)
    return {key: _line(moments, width) for key, moments in found.items()}


def _line(moments: _Moments, width: int) -> tuple[Tensor, Tensor]:
    """Slope and height of the line through two halves of vectors, for each feature by itself."""
    covariance, start, end = moments.covariance, moments.mean[:width], moments.mean[width:]
    slope = covariance[:width, width:].diagonal() / (covariance.diagonal()[:width] + _SMALL)
    return slope.float(), (end - slope * start).float()


def _watch(
    model: Model, batches: Sequence[Batch], modules: Sequence[nn.Module], take: Callable[[Any, Tensor, Tensor], None]
) -> None:
    """Run a model, and hand over what flows into some modules and out of them at each call, a token to a row."""

    def called(module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        take(module, given[0].flatten(0, -2), made.flatten(0, -2))

    model.network.eval()
    with ExitStack() as hooks:
        for module in {id(one): one for one in modules}.values():
            hooks.callback(module.register_forward_hook(called).remove)
        for batch in batches:
            # Of the last layer too, every token; and what the head makes of those that it answers for.
            model.run(batch, Reads(logits=True, hidden=frozenset({model.dims.layers})))

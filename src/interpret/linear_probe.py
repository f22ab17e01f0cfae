"""Can a linear map read it? Multinomial logistic regression on what a site holds, with a control.

That something can be read says that it is there, not that the model uses it. The same probe on
shuffled labels shows what the map would reach by chance and by its size alone (after Hewitt & Liang
2019, arXiv 1909.03368).

Dimensions: examples, features, classes, batch, positions.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from src.amused import Amused
from src.conditioning.rows import Rows
from src.errors import UserError
from src.interpret.capture import capture
from src.interpret.teacher_forcing import ask
from src.masking.corrupt import MaskedTokens

MOST_ITERATIONS = 100
TRAIN_SHARE = 0.5  # of the groups


class Probe(NamedTuple):
    """On examples of groups that the probe was not fitted on."""

    accuracy: float  # 0..1
    control_accuracy: float  # of a probe fitted on shuffled labels, judged by shuffled ones
    majority: float  # 0..1, of always saying the class that was most frequent in fitting
    num_train: int
    num_test: int


def linear_probe(
    features: Float[Tensor, "examples features"],
    labels: Int[Tensor, "examples"],
    groups: Int[Tensor, "examples"],
    generator: Generator,
    penalty: float = 1e-2,
) -> Probe:
    """Fit on half of the groups, judge on the other half.

    labels: classes, from 0.
    groups: what an example belongs to, as the positions of a picture: a group is never parted.
    generator: parts the groups, and shuffles the control's labels over all examples.
    penalty: times half the sum of squared weights is added to the cross-entropy.
    Raises UserError for fewer than two groups, or a label below 0.
    """
    if len(groups.unique()) < 2 or int(labels.min()) < 0:
        raise UserError(
            f"{len(groups.unique())} groups with labels from {int(labels.min())} cannot be probed; "
            "give two groups or more, and labels from 0."
        )
    distinct = groups.unique()
    order = torch.randperm(len(distinct), generator=generator)
    chosen = distinct[order[: max(1, round(TRAIN_SHARE * len(distinct)))]]
    is_train = torch.isin(groups, chosen)
    center, spread = features[is_train].mean(dim=0), features[is_train].std(dim=0)
    scaled = (features - center) / spread.nan_to_num(0.0).clamp(min=1e-6)
    num_classes = int(labels.max()) + 1
    shuffled = labels[torch.randperm(len(labels), generator=generator)]
    accuracies = []
    for told in (labels, shuffled):
        weight, bias = fit_logistic(scaled[is_train], told[is_train], num_classes, penalty)
        guessed = (scaled[~is_train] @ weight + bias).argmax(dim=1)
        accuracies.append(float((guessed == told[~is_train]).double().mean()))
    train, test = labels[is_train], labels[~is_train]
    majority = float((test == train.bincount(minlength=num_classes).argmax()).double().mean())
    return Probe(*accuracies, majority, len(train), len(test))


def fit_logistic(
    features: Float[Tensor, "examples features"],
    labels: Int[Tensor, "examples"],
    num_classes: int,
    penalty: float,
) -> tuple[Float[Tensor, "features classes"], Float[Tensor, "classes"]]:
    """Weights and bias, from zero by L-BFGS on all examples: the problem is convex."""
    weight = torch.zeros(features.shape[1], num_classes, requires_grad=True)
    bias = torch.zeros(num_classes, requires_grad=True)
    search = torch.optim.LBFGS(
        [weight, bias], max_iter=MOST_ITERATIONS, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        search.zero_grad()
        value = cross_entropy(features @ weight + bias, labels)
        value = value + penalty / 2 * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        search.step(loss)
    return weight.detach(), bias.detach()


def streams(
    amused: Amused, hidden: MaskedTokens, rows: Rows, sites: list[str]
) -> dict[str, Float[Tensor, "batch positions features"]]:
    """What sites of the shape "batch seq dim" or "batch height width channels" hold, on the CPU."""

    def flat(held: Tensor) -> Tensor:
        return held.flatten(1, -2)

    with capture(amused, sites, flat) as captured:
        ask(amused, hidden, rows)
    return {name: torch.cat(held).float() for name, held in captured.items()}

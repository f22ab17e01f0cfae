"""Our Muon against torch's, which takes the same steps one matrix at a time."""

import pytest
import torch
from torch import nn

from src.training.config import TrainingConfig
from src.training.learning_rate import optimizer
from src.training.muon import Muon, orthogonal

SHAPES = [(6, 10), (6, 10), (12, 5), (8, 8)]


def gradients(step):
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


def test_steps_are_those_of_the_librarys_muon():
    ours = [nn.Parameter(torch.ones(shape)) for shape in SHAPES]
    theirs = [nn.Parameter(torch.ones(shape)) for shape in SHAPES]
    groups = [{"params": ours, "orthogonal": True}]
    our_muon = Muon(groups, lr=0.1, weight_decay=0.3)
    their_muon = torch.optim.Muon(
        theirs, lr=0.1, weight_decay=0.3, adjust_lr_fn="match_rms_adamw", nesterov=True
    )
    for step in range(3):
        for params, stepper in ((ours, our_muon), (theirs, their_muon)):
            for param, gradient in zip(params, gradients(step), strict=True):
                param.grad = gradient.clone()
            stepper.step()
    for our, their in zip(ours, theirs, strict=True):
        assert (our - their).abs().max() < 2e-3  # the iterations run in bfloat16
        assert (our - 1).abs().max() > 0.1


@pytest.mark.parametrize("shape", [(3, 4, 9), (2, 9, 4), (1, 7, 7)])
def test_singular_values_come_near_one_and_singular_vectors_stay(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(matrices, full_matrices=False)
    rotated = left.mT @ orthogonal(matrices) @ right.mT
    singular = torch.diagonal(rotated, dim1=1, dim2=2)
    large = values > 0.1 * values.amax(1, keepdim=True)
    assert singular[large].min() > 0.6
    assert singular[large].max() < 1.3
    assert (rotated - torch.diag_embed(singular)).abs().max() < 0.05


def test_a_zero_gradient_moves_nothing():
    assert torch.equal(orthogonal(torch.zeros(1, 3, 3)), torch.zeros(1, 3, 3))


def test_hidden_matrices_go_to_muon_and_embeddings_logits_and_vectors_to_adamw():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.Conv2d(4, 4, 3), nn.Linear(4, 7))
    config = TrainingConfig(optimizer="muon", weight_decay=0.1)
    stepper, _ = optimizer(model, config, ends=(model[0], model[3]))
    shapes = [[tuple(p.shape) for p in group["params"]] for group in stepper.param_groups]
    assert shapes == [[(5, 4), (4, 4, 3, 3), (7, 4)], [(4,), (4,), (7,)], [(4, 4)]]
    assert [group["orthogonal"] for group in stepper.param_groups] == [False, False, True]
    assert [group["weight_decay"] for group in stepper.param_groups] == [0.1, 0.0, 0.1]


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped():
    def run(steps_of_pieces):
        params, state = [nn.Parameter(torch.ones(4, 4)), nn.Parameter(torch.ones(4))], None
        step = 0
        for steps in steps_of_pieces:
            groups = [{"params": params[:1], "orthogonal": True}, {"params": params[1:]}]
            stepper = Muon(groups, lr=0.1)
            if state:
                stepper.load_state_dict(state)
            for _ in range(steps):
                generator = torch.Generator().manual_seed(step)
                for param in params:
                    param.grad = torch.randn(param.shape, generator=generator)
                stepper.step()
                step += 1
            state = stepper.state_dict()
        return params

    for whole, pieces in zip(run([6]), run([2, 4]), strict=True):
        assert torch.equal(whole, pieces)

# SPDX-License-Identifier: GPL-3.0-or-later
"""The losses judge what they say: shape apart from place."""

import pytest
import torch

from training import losses
from training.network import BINS, MAPS, Prediction
from training.samples import Batch


def sample(count=3):
    """Truth in a disc of each of n samples, and a prediction equal to it."""
    generator = torch.Generator().manual_seed(4)
    axis = (torch.arange(MAPS) + 0.5) / MAPS * 2 - 1
    disc = (axis[:, None] ** 2 + axis**2 < 0.6).expand(count, 1, -1, -1)
    front = -0.4 + 0.2 * torch.rand(count, 1, 1, 1, generator=generator) * axis
    depths = torch.cat([front.expand(-1, -1, MAPS, -1), 0.5 - front.expand(-1, -1, MAPS, -1)], 1)
    columns = torch.arange(40).expand(count, -1)
    batch = Batch(
        photo=torch.zeros(count, 3, 192, 192),
        mask=torch.ones(count, 1, 192, 192),
        features=[],
        depths=torch.where(disc, depths, torch.nan),
        albedo=torch.full((count, 6, MAPS, MAPS), 0.5),
        camera=torch.zeros(count, 2),
        columns=columns,
        solid=torch.full((count, BINS, 40), torch.nan),
    )
    prediction = Prediction(depths.clone(), batch.albedo.clone(), torch.zeros(count, BINS, 40), batch.camera.clone())
    return batch, prediction


def test_a_perfect_prediction_costs_nothing():
    batch, prediction = sample()
    assert all(float(value) == pytest.approx(0, abs=1e-6) for value in losses.losses(prediction, batch).values())


def test_a_shape_in_the_wrong_place_has_no_wrong_shape():
    batch, prediction = sample()
    moved = prediction._replace(depths=prediction.depths + torch.tensor([0.3, -0.2, 0.05])[:, None, None, None])
    parts = losses.losses(moved, batch)
    assert parts["front"] > 0.05
    assert parts["back"] > 0.05
    assert float(parts["front_shape"]) == pytest.approx(0, abs=1e-6)
    assert float(parts["back_shape"]) == pytest.approx(0, abs=1e-6)
    assert float(parts["front_normal"]) == pytest.approx(0, abs=1e-5)


def test_thickness_and_tilt_are_shape():
    batch, prediction = sample()
    thicker = prediction.depths + torch.tensor([-0.1, 0.1])[:, None, None]
    tilted = prediction.depths + 0.3 * torch.linspace(-1, 1, MAPS)[:, None]
    for wrong in (thicker, tilted):
        parts = losses.losses(prediction._replace(depths=wrong), batch)
        assert parts["front_shape"] > 0.01
        assert parts["back_shape"] > 0.01


def test_the_place_is_not_learned_from_the_shape():
    batch, prediction = sample()
    depths = (prediction.depths * 1.2 + 0.3).requires_grad_()
    losses.placed(depths, batch.depths).sum().backward()
    assert torch.equal(depths.grad, torch.ones_like(depths))


def test_a_sample_of_which_nothing_is_known_costs_nothing():
    batch, prediction = sample()
    batch.depths[1] = torch.nan
    moved = prediction._replace(depths=prediction.depths + torch.tensor([0.0, 9.0, 0.0])[:, None, None, None])
    assert all(float(value) == pytest.approx(0, abs=1e-6) for value in losses.losses(moved, batch).values())

# SPDX-License-Identifier: GPL-3.0-or-later
"""What a prediction costs: where the surfaces are and how they are shaped, what is solid between, colours, camera."""

import torch
from torch import Tensor
from torch.nn import functional

from .network import MAPS, Prediction
from .samples import Batch

WEIGHTS = {
    "front": 1.2,
    "back": 1.0,
    "front_shape": 1.8,
    "back_shape": 1.4,
    "front_normal": 0.4,
    "back_normal": 0.2,
    "solid": 0.25,
    "albedo": 0.3,
    "camera": 0.6,
}
#: Depth errors beyond this (half-sizes, at the start and at the end of training) weigh ever less, so that in the end
#: one of two plausible answers is chosen and not their mean.
TOLERANT = (0.6, 0.2)
#: The same for the curves, which are to stay comparable.
JUDGED_TOLERANT = 0.25
#: Depths are cut off here, as the field cuts them: few objects are longer, seen from an end, and nobody could tell.
MAX_DEPTH = 1.25
#: A depth's slope beyond this (w per half-size) is an edge between two surfaces, not a slope.
MAX_SLOPE = 5.0
#: Distances, in rays, over which slopes are compared.
SLOPE_STEPS = (1, 4)
#: A depth this near the truth, half-sizes, is right: the F-score's narrower threshold.
NEAR = 0.05


def normal_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean of 1 - cosine between normals where the truth is one smooth surface. (n, 96, 96) each."""
    total = predicted.new_zeros(())
    for step in SLOPE_STEPS:
        scale = MAPS / 2 / step
        slopes = []
        for depth in (predicted, truth):
            corner = depth[:, :-step, :-step]
            slopes.append(((depth[:, step:, :-step] - corner) * scale, (depth[:, :-step, step:] - corner) * scale))
        (down, right), (true_down, true_right) = slopes
        smooth = (true_down.abs() < MAX_SLOPE) & (true_right.abs() < MAX_SLOPE)  # false for NaN too
        true_down, true_right = true_down.nan_to_num().clamp(-MAX_SLOPE, MAX_SLOPE), true_right.nan_to_num()
        true_right = true_right.clamp(-MAX_SLOPE, MAX_SLOPE)
        lengths = (1 + down**2 + right**2) * (1 + true_down**2 + true_right**2)
        cosine = (1 + down * true_down + right * true_right) / lengths.sqrt()
        total = total + ((1 - cosine) * smooth).sum() / smooth.sum().clamp(min=1) / len(SLOPE_STEPS)
    return total


def placed(depths: Tensor, truth: Tensor) -> Tensor:
    """The predicted depths moved along the view, each sample to the middle of what suits its surfaces. (n, 2, 96, 96).

    How far the middle of the whole depth lies behind what is seen can hardly be told from a photo, and nobody minds;
    next to it a wrong shape would hardly count. Like the shift-invariant losses of Ranftl et al., "Towards Robust
    Monocular Depth Estimation" (2020). ``truth``: NaN where there is none.
    """
    shifts = (truth - depths.detach())[:, :, ::2, ::2].flatten(2).nanmedian(2).values
    return depths + shifts.mean(1).nan_to_num()[:, None, None, None]  # a sample may have nothing that is known


def losses(prediction: Prediction, batch: Batch, tolerant: float = JUDGED_TOLERANT) -> dict[str, Tensor]:
    """The parts of the loss, unweighted; ``tolerant``: see ``TOLERANT``."""
    known = batch.depths.isfinite()
    count = known[:, 0].sum().clamp(min=1)
    truth = batch.depths.clamp(-MAX_DEPTH, MAX_DEPTH)

    def mean_errors(depths: Tensor) -> Tensor:
        distance = functional.smooth_l1_loss(depths, truth.nan_to_num(), reduction="none", beta=0.05)
        return (tolerant * torch.log1p(distance / tolerant) * known).sum((0, 2, 3)) / count

    front, back = mean_errors(prediction.depths)
    front_shape, back_shape = mean_errors(placed(prediction.depths, truth))
    hull = batch.solid.isfinite()
    cross = functional.binary_cross_entropy_with_logits(prediction.solid, batch.solid.nan_to_num(), reduction="none")
    colour = (prediction.albedo - batch.albedo).abs() * known[:, :1]
    return {
        "front": front,
        "back": back,
        "front_shape": front_shape,
        "back_shape": back_shape,
        "front_normal": normal_loss(prediction.depths[:, 0], batch.depths[:, 0]),
        "back_normal": normal_loss(prediction.depths[:, 1], batch.depths[:, 1]),
        "solid": (cross * hull).sum() / hull.sum().clamp(min=1),
        "albedo": colour.sum() / (6 * count),
        # A wrong elevation tilts the whole object; the field of view can hardly be told from one crop.
        "camera": (prediction.camera - batch.camera).abs().mean(0) @ batch.camera.new_tensor([1.0, 0.2]),
    }

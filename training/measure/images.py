# SPDX-License-Identifier: GPL-3.0-or-later
"""How alike two pictures are."""

import numpy as np
from scipy import ndimage

from .mesh import Array

#: Wang et al., "Image quality assessment", 2004: the window's standard deviation in pixels, and the constants.
SIGMA, K1, K2 = 1.5, 0.01, 0.03
#: A picture that differs nowhere would be infinitely alike.
BEST_PSNR = 60.0


def psnr(one: Array, other: Array) -> float:
    """Peak signal-to-noise ratio in decibels of pictures (h, w, 3) with values 0..255."""
    error = ((one - other) ** 2).mean()
    return float(min(10 * np.log10(255**2 / max(error, 1e-9)), BEST_PSNR))


def ssim(one: Array, other: Array) -> float:
    """Structural similarity of pictures (h, w, 3) with values 0..255, the mean over pixels and channels."""

    def blur(image: Array) -> Array:
        return ndimage.gaussian_filter(image, (SIGMA, SIGMA, 0))

    a, b = one.astype(np.float64), other.astype(np.float64)
    mean_a, mean_b = blur(a), blur(b)
    variance_a, variance_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((likeness / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))).mean())


def exposure(picture: Array, truth: Array, both: Array) -> Array:
    """(3,) gains per channel that bring a picture closest to the truth where ``both`` (h, w) show the object.

    How bright the lamp was, and of which colour, cannot be told from one photo.
    """
    a, b = picture[both], truth[both]
    return (a * b).sum(0) / np.maximum((a * a).sum(0), 1e-6)

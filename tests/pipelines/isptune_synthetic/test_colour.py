"""The colour helpers against scikit-image."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from isptune.testing.pictures import picture
from isptune_synthetic.colour import cube_roots, from_cube_roots, linear_to_srgb, srgb_to_linear
from isptune_synthetic.curves import parabola


def test_lab_is_scikit_images():
    image = picture(40, 56)[0].double()
    image[:, :4], image[:, 4:8] = 0.0, 1.0
    image[:, 8:12] *= 0.01
    x, y, z = cube_roots(*image)
    lab = torch.stack((116 * y - 16, 500 * (x - y), 200 * (y - z))).permute(1, 2, 0).numpy()
    # scikit-image rounds its matrix and white point differently in the fourth digit.
    np.testing.assert_allclose(lab, rgb2lab(image.permute(1, 2, 0).numpy()), atol=0.02)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 3e-6), (torch.float64, 1e-7)])
def test_round_trips_give_the_input_back(dtype, tolerance):
    image = picture(40, 56)[0].to(dtype)
    image[:, :4], image[:, 4:8] = 0.0, 1.0
    image[:, 8:12] *= 0.01
    back = torch.stack(from_cube_roots(*cube_roots(*image)))
    torch.testing.assert_close(back, image, rtol=0, atol=tolerance)
    # By Kornia in float64, whose two curves part in the seventh digit at their thresholds.
    tolerance = max(tolerance, 1e-6)
    images = image[None]
    torch.testing.assert_close(linear_to_srgb(srgb_to_linear(images)), images, rtol=0, atol=tolerance)


def test_transfer_curve_is_the_standards():
    encoded = torch.linspace(0, 1, 1002, dtype=torch.float64).reshape(1, 3, 1, 334)
    expected = torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    torch.testing.assert_close(srgb_to_linear(encoded), expected, rtol=0, atol=1e-15)
    # In the formula for float32 pictures on a CPU as well.
    torch.testing.assert_close(srgb_to_linear(encoded.float()).double(), expected, rtol=0, atol=4e-7)


def test_parabola_goes_through_its_three_points_and_is_clipped():
    values = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    assert parabola(values, torch.tensor(0.4, dtype=torch.float64)).tolist() == [0.0, 0.7, 1.0]
    assert parabola(values, torch.tensor(-0.4)).tolist() == pytest.approx([0.0, 0.3, 1.0])
    assert parabola(torch.tensor([0.8]), torch.tensor(1.1)).tolist() == [1.0]

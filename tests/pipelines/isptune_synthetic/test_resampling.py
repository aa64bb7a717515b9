"""Pictures read between their pixels, against formulas and SciPy's interpolation."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from isptune.testing.pictures import picture
from isptune_synthetic import rows as row_module
from isptune_synthetic.resampling import resample, warp


def keys_cubic(distance):
    distance = abs(distance)
    if distance <= 1:
        return 1.5 * distance**3 - 2.5 * distance**2 + 1
    if distance < 2:
        return -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    return 0.0


def slow_resample(plane, rows, columns):
    height, width = plane.shape
    matrices = []
    for length, positions in ((height, rows), (width, columns)):
        matrix = np.zeros((len(positions), length))
        for output, position in enumerate(positions):
            for source in range(int(np.floor(position)) - 1, int(np.floor(position)) + 3):
                matrix[output, min(max(source, 0), length - 1)] += keys_cubic(position - source)
        matrices.append(matrix)
    return matrices[0] @ plane @ matrices[1].T


@pytest.mark.parametrize(("height", "width"), [(9, 7), (70, 150), (64, 64), (1, 5)])
def test_resample_is_keys_cubic_interpolation(height, width):
    plane = picture(height, width)[0, 0].double()
    generator = torch.Generator().manual_seed(0)
    rows, columns = (
        torch.arange(length).double()
        + 3.9 * (2 * torch.rand(length, generator=generator, dtype=torch.float64) - 1)
        for length in (height, width)
    )
    expected = slow_resample(plane.numpy(), rows.numpy(), columns.numpy())
    np.testing.assert_allclose(resample(plane, rows, columns, 4).numpy(), expected, rtol=0, atol=1e-13)


def test_resample_is_exact_on_parabolas_and_on_pixels():
    y, x = (torch.arange(length).double() for length in (20, 30))

    def surface(y, x):
        return 0.3 + 0.01 * y[:, None] - 0.02 * x + 0.001 * y[:, None] * x + 0.0005 * x**2

    plane = surface(y, x)
    inner = resample(plane, y + 0.37, x - 0.81, 1)[2:-2, 2:-2]
    torch.testing.assert_close(inner, surface(y + 0.37, x - 0.81)[2:-2, 2:-2], rtol=0, atol=1e-13)
    assert torch.equal(resample(plane, y, x, 1), plane)
    assert torch.equal(resample(plane, y + 1, x, 1)[:-1], plane[1:])


def test_gradcheck_of_resample():
    plane = picture(6, 7)[0, 0].double().requires_grad_(True)
    rows = (torch.arange(6).double() + 0.3).requires_grad_(True)
    columns = (torch.arange(7).double() * 0.93 + 0.1).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda *inputs: resample(*inputs, 1), (plane, rows, columns))


@pytest.mark.parametrize("first_row", [0, 11])
def test_warp_is_scipys_linear_interpolation(first_row):
    image = picture(29, 41)[0].double()
    field = torch.randn(2, 29, 41, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = field.roll(-first_row, dims=1).numpy() * 1.7
    y, x = np.mgrid[:29, :41]
    expected = np.stack(
        [
            ndimage.map_coordinates(plane, (y + moved[1], x + moved[0]), order=1, mode="nearest")
            for plane in image.numpy()
        ]
    )
    result = warp(image, field, torch.tensor(1.7, dtype=torch.float64), first_row)
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-12)


def test_warp_is_the_same_in_strips_and_whole(monkeypatch):
    image, field = picture(29, 41)[0], torch.randn(2, 29, 41, generator=torch.Generator().manual_seed(0))
    whole = warp(image, field, torch.tensor(0.7), 3)
    monkeypatch.setattr(row_module, "_PIXELS_PER_THREAD", 100)
    buffer = torch.empty_like(image)
    assert warp(image, field, torch.tensor(0.7), 3, out=buffer) is buffer
    torch.testing.assert_close(buffer, whole, rtol=0, atol=1e-6)

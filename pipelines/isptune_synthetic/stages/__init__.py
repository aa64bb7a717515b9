"""The stages of the synthetic image signal processor: pure functions and thin classes that call them."""

from isptune_synthetic.stages.blur import GaussianBlur, gaussian_blur
from isptune_synthetic.stages.brightness import Brighten, brighten
from isptune_synthetic.stages.colour import Desaturate, desaturate
from isptune_synthetic.stages.noise import WhiteNoise, white_noise
from isptune_synthetic.stages.sharpness import HighSharpen, high_sharpen

__all__ = [
    "Brighten",
    "Desaturate",
    "GaussianBlur",
    "HighSharpen",
    "WhiteNoise",
    "brighten",
    "desaturate",
    "gaussian_blur",
    "high_sharpen",
    "white_noise",
]

"""The five stages keep the contract of stages, bit for bit where the contract leaves a tolerance."""

from isptune.testing import DistortionConformance


class Exact(DistortionConformance):
    # A candidate's picture must not change in one bit with the size of the batch.
    batch_tolerance = 0.0


class TestGaussianBlur(Exact):
    name = "gaussian_blur"


class TestBrighten(Exact):
    name = "brighten"


class TestDesaturate(Exact):
    name = "desaturate"


class TestWhiteNoise(Exact):
    name = "white_noise"


class TestHighSharpen(Exact):
    name = "high_sharpen"

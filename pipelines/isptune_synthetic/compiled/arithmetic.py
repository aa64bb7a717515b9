"""Arithmetic on float32 numbers that a vector unit runs side by side: no branches, no library calls."""

from __future__ import annotations

import numpy as np

from isptune.compiled.jit import inline

f4 = np.float32
i4 = np.int32

_ONE_EXPONENT = i4(23)
_SQRT_HALF_BITS = i4(0x3F3504F3)


@inline
def at_least(value: f4, bound: f4) -> f4:
    """The larger one; NaN stays NaN."""
    return bound if value < bound else value


@inline
def larger(first: f4, second: f4) -> f4:
    """The larger one, and NaN where either is."""
    return second if (first < second) or (second != second) else first


@inline
def at_most(value: f4, bound: f4) -> f4:
    """The smaller one; NaN stays NaN."""
    return bound if value > bound else value


@inline
def unit(value: f4) -> f4:
    """Clipped to [0, 1]; NaN stays NaN."""
    return at_most(at_least(value, f4(0)), f4(1))


@inline
def inside(value: f4) -> f4:
    """1 where a clip to [0, 1] changes nothing, else 0: the derivative of ``unit``, as PyTorch has it."""
    return f4(1) if (value >= f4(0)) and (value <= f4(1)) else f4(0)


@inline
def power(base: f4, exponent: f4) -> f4:
    """``base ** exponent`` for a positive, normal base and a result in range.

    The relative error is below 1.2e-7 (1 + |log2 of the result|): 8e-7 at most where the stages use it.
    The base is ``2^e (1 + m)`` with m in [-0.293, 0.414]. Both polynomials are minimax fits over their
    ranges, of log2(1 + m) / m (error 7e-9 in the logarithm) and of 2^x on [-0.5, 0.5] (2e-9).
    """
    bits = f4(base).view(i4)
    whole = i4(i4(bits - _SQRT_HALF_BITS) >> _ONE_EXPONENT)
    m = i4(bits - i4(whole << _ONE_EXPONENT)).view(f4) - f4(1)
    log = f4(0.12542775)
    log = log * m - f4(0.21028976)
    log = log * m + f4(0.21736577)
    log = log * m - f4(0.23852119)
    log = log * m + f4(0.28765875)
    log = log * m - f4(0.3607211)
    log = log * m + f4(0.48092243)
    log = log * m - f4(0.72134715)
    log = log * m + f4(1.4426949)
    scaled = (log * m + f4(whole)) * exponent
    up = np.floor(scaled + f4(0.5))
    x = scaled - up
    result = f4(0.00015345812)
    result = result * x + f4(0.0013399931)
    result = result * x + f4(0.009618489)
    result = result * x + f4(0.055503288)
    result = result * x + f4(0.24022647)
    result = result * x + f4(0.6931472)
    result = result * x + f4(1)
    return i4(i4(i4(up) + i4(127)) << _ONE_EXPONENT).view(f4) * result

"""``severity`` in compiled loops, for scores without gradients of float32 pictures on a CPU.

``passes`` takes from each band of rows what the fixed statistics need, and lays the pixels out for the first
convolution (``stem_input``). Quantiles come from a histogram and a short sort instead of a whole one
(``selection``). The convolutions go over a picture in strips (``convolutions``). The definitions are in
``isptune_severity.network``, whose formulas serve gradients and every other number type and device; the tests
hold these loops to them.
"""

"""SSIM in compiled loops, for scores without gradients of float32 pictures on a CPU.

The definitions are in ``isptune_fidelity.functional``, whose formulas serve gradients and every other number
type and device; the tests hold these loops to them.
"""

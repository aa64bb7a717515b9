"""Compiled loops for the default stages: float32 pictures on a CPU, several times the speed of PyTorch's.

A stage written with PyTorch's operations runs some thirty passes over its picture, and a power costs
ten times what a sum does. Here numba compiles each stage's formula to one loop over the pixels, for the
value and for the gradient: a picture is read once and written once, and powers are polynomials
(``arithmetic``). Kornia's operators stay the definition (see ``definition``): they serve every other number
type and device, and the tests hold these loops to them.

numba takes a second to import, so each of these modules is imported at a stage's first use.
"""

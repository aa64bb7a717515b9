"""Named, typed, bounded parameters, and the unit cube that optimizers search.

Values travel as float64 tensors of shape (P, n), one row per candidate: an int parameter as its whole
number, a choice as the index of its option. ``ParameterSpace.to_dicts`` gives them back as people
write them.
"""

from isptune.parameters.kinds import Choice, Float, Int, Parameter
from isptune.parameters.space import ParameterSpace, written

__all__ = ["Choice", "Float", "Int", "Parameter", "ParameterSpace", "written"]

"""Named, typed, bounded parameters, and the unit cube that optimizers search.

Values travel as float64 tensors of shape (P, n), one row per candidate: an int parameter as its whole
number, a choice as the place of its option, a bool as 0 or 1. ``ParameterSpace.to_dicts`` gives them back as
people write them.
"""

from isptune.parameters.choices import Bool, Choice
from isptune.parameters.kinds import Float, Int
from isptune.parameters.names import written
from isptune.parameters.parameter import Parameter
from isptune.parameters.space import ParameterSpace

__all__ = ["Bool", "Choice", "Float", "Int", "Parameter", "ParameterSpace", "written"]

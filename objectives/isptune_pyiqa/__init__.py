"""Any image-quality metric of pyiqa as an objective named ``pyiqa:NAME``.

pyiqa is under the PolyForm Noncommercial licence 1.0.0, with parts under the S-Lab licence 1.0: choosing one
of these objectives is choosing those terms. isptune itself neither contains nor needs pyiqa; it comes with
the extra ``pyiqa``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from isptune_pyiqa.family import PyiqaFamily

if TYPE_CHECKING:
    from isptune_pyiqa.objective import PyiqaObjective

__all__ = ["PyiqaFamily", "PyiqaObjective"]


def __getattr__(name: str) -> Any:
    # The names of the family need no torch.
    if name == "PyiqaObjective":
        from isptune_pyiqa.objective import PyiqaObjective

        return PyiqaObjective
    raise AttributeError(f"module 'isptune_pyiqa' has no attribute '{name}'")

"""Any image-quality metric of pyiqa as an objective named ``pyiqa:NAME``.

pyiqa is under the PolyForm Noncommercial licence 1.0.0, with parts under the S-Lab licence 1.0: choosing one
of these objectives is choosing those terms. isptune itself neither contains nor needs pyiqa; it comes with
the extra ``pyiqa``.
"""

from isptune_pyiqa.family import PyiqaFamily

__all__ = ["PyiqaFamily"]

"""How a name becomes an object: what a plugin needs, which options it takes, read before it is made."""

from isptune.plugins.installed import missing_packages, require_packages
from isptune.plugins.options import check_options, takes_option

__all__ = ["check_options", "missing_packages", "require_packages", "takes_option"]

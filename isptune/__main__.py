"""``python -m isptune`` is the ``isptune`` command."""

from isptune.cli import main

main()

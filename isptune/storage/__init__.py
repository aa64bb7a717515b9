"""Files as users name them and as isptune writes them: whole or not at all."""

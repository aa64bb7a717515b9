"""Q-Align, and the Q-Align protocol on any image-text-to-text model."""

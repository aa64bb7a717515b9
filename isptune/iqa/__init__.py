"""The wing for learned objectives: opinions and pictures, training, agreement with people."""

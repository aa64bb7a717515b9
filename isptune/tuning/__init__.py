"""One run from start to end: settings, evaluation and its backends, the loop, the result."""

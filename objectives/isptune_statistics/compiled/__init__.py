"""Natural-scene statistics in compiled loops, in float64, for pictures on a CPU.

The definitions are in ``isptune_statistics.natural_scenes``, whose formulas serve every other device; tests
hold these loops to them.
"""

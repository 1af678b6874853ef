"""Whole installations under fire: processes are killed and connections are cut in the middle of a restock.

`python -m tests.chaos --seeds 1-200` records runs; a seed that failed is played again by `--seeds N`.
"""

"""The engine under every experiment: `experiment.py` runs it, on what the others here provide."""

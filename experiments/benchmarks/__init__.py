"""The workloads of `benchmark.py`, one file each, and the other libraries' VGG16 they run."""

"""How XLA compiles the programs that run a network."""

import jax

# On a CPU, XLA's default gives matrix products to YNNPACK, which leaves a core idle where they are
# small, and sums a few rows in another order than many: one image would get other digits alone than
# in a batch. Without it they go to Eigen (docs/speed.md). On other devices this says nothing. An
# option that XLA doesn't know is an error, so it is set for versions that were tried.
TRIED = (0, 9), (0, 13)  # jax from the first on, and before the second
PRODUCTS_BY_EIGEN = {"xla_cpu_experimental_ynn_fusion_type": ""}
COMPILER_OPTIONS = PRODUCTS_BY_EIGEN if TRIED[0] <= jax.__version_info__[:2] < TRIED[1] else {}

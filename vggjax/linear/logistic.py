"""Multinomial logistic regression with an L2 penalty, by L-BFGS."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from vggjax.linear.coordinates import Coordinates
from vggjax.linear.solution import Solution

STEPS = 300
EXACT, ROUGH = 1e-6, 1e-4  # where a solution's largest gradient ends


def logistic(
    at: Coordinates,
    labels: np.ndarray,
    classes: int,
    strengths: Sequence[float],
    tolerance: float = EXACT,
) -> list[Solution]:
    """A solution for each of the `strengths` s > 0: minimises mean cross-entropy + s/2 · |W|².

    `labels` (N,) are those of the training rows. The intercept is not penalised. The strengths are
    solved from the strongest on, each from where the one before ended, until no element of the
    gradient is above `tolerance`. As scikit-learn's
    `LogisticRegression(C=1 / (N s))`.
    """
    found: dict[float, Solution] = {}
    start = np.zeros((at.train.shape[1], classes)), np.zeros(classes)
    # Promotion as usual: optax's own integers are of 32 and of 64 bits here.
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"):
        for strength in sorted(set(strengths), reverse=True):
            start = _solve(at.train, labels, start, strength, tolerance)
            found[strength] = Solution(*map(np.asarray, start))
    return [found[strength] for strength in strengths]


@jax.jit
def _solve(rows: Any, labels: Any, start: Any, strength: Any, tolerance: Any) -> Any:
    """Weights and bias at which the gradient is small."""
    optimizer = optax.lbfgs()

    def loss(parameters: Any) -> jax.Array:
        weights, bias = parameters
        logits = rows @ weights + bias[None]
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
        return losses.mean() + strength / 2 * (weights**2).sum()

    def step(carry: Any) -> Any:
        parameters, state = carry
        value, gradient = optax.value_and_grad_from_state(loss)(parameters, state=state)
        updates, state = optimizer.update(
            gradient, state, parameters, value=value, grad=gradient, value_fn=loss
        )
        return optax.apply_updates(parameters, updates), state

    def unfinished(carry: Any) -> jax.Array:
        _, state = carry
        count = optax.tree.get(state, "count")
        size = optax.tree.norm(optax.tree.get(state, "grad"), ord=jnp.inf)
        return (count == 0) | ((count < STEPS) & (size > tolerance))

    return jax.lax.while_loop(unfinished, step, (start, optimizer.init(start)))[0]

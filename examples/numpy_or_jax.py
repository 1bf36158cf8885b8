"""Train without torch: ``python numpy_or_jax.py recipe.json``; with JAX where it is installed, else numpy.

Softmax regression on standardised log counts, by stochastic gradient descent.
"""

import sys

import numpy as np

import mappedviz as mv

try:
    import jax
    import jax.numpy as jnp
except ModuleNotFoundError:
    jax, jnp = None, np

RATE = 0.1


def log_probabilities(params, X):
    """Return the log probability of each class, of each row."""
    z = jnp.log1p(X)
    z = (z - z.mean(1, keepdims=True)) / (z.std(1, keepdims=True) + 1e-6)
    logits = z @ params["W"] + params["b"]
    logits = logits - logits.max(1, keepdims=True)
    return z, logits - jnp.log(jnp.exp(logits).sum(1, keepdims=True))


def loss(params, X, onehot):
    """Return the cross entropy."""
    return -(log_probabilities(params, X)[1] * onehot).sum(1).mean()


def numpy_step(params, X, onehot):
    """Return the loss, and parameters that are one step better: the gradient by hand."""
    z, log_p = log_probabilities(params, X)
    error = (np.exp(log_p) - onehot) / len(X)
    better = {"W": params["W"] - RATE * z.T @ error, "b": params["b"] - RATE * error.sum(0)}
    return -(log_p * onehot).sum(1).mean(), better


def jax_step(params, X, onehot):
    """Return the same, by differentiation."""
    value, slope = jax.value_and_grad(loss)(params, X, onehot)
    return value, jax.tree.map(lambda one, by: one - RATE * by, params, slope)


train, validation = mv.MappedCollection.from_recipe(mv.Recipe.load(sys.argv[1])).split()
key = train.recipe.encoded_keys[0]
n = len(train.encoders[key])
step = jax.jit(jax_step) if jax else numpy_step
params = {"W": np.zeros((train.n_vars, n), "float32"), "b": np.zeros(n, "float32")}

# On several hosts: rank=jax.process_index(), world_size=jax.process_count()
batches = mv.batches(train, 64, shuffle=True, seed=0, drop_last=True)  # one shape: compiled once
for epoch in range(5):
    for batch in batches:
        # Rows without a label have the code -1: no class is theirs, and they add nothing.
        onehot = (batch[key][:, None] == np.arange(n)).astype("float32")
        value, params = step(params, batch["X"].astype("float32"), onehot)
    right = labelled = 0
    for batch in mv.batches(validation, 512):
        guess = np.asarray(log_probabilities(params, batch["X"].astype("float32"))[1]).argmax(1)
        right += int((guess == batch[key]).sum())
        labelled += int((batch[key] >= 0).sum())
    print(
        f"{'jax' if jax else 'numpy'}, epoch {epoch}: loss {value:.3f}, validation {right / labelled:.1%} right"
    )

# SPDX-License-Identifier: BSL-1.0
"""The attention translator in JAX on the CPU or a GPU, one jitted function per benchmark."""

import os
from functools import partial

import protocol

if __name__ == "__main__":
    ARGUMENTS = protocol.options(__doc__)  # binds the cores, hence before XLA sizes its thread pool

    os.environ["JAX_PLATFORMS"] = ARGUMENTS.device
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
from jax import lax


def initial_parameters(config, seed=1):
    """Parameters as a tree; matrices are (in, out), gates' columns in the order reset, update, new."""
    width, gates = config.hiddens, 3 * config.hiddens
    keys = iter(jax.random.split(jax.random.key(seed), 64))

    def uniform(*shape):
        return jax.random.uniform(next(keys), shape, minval=-1, maxval=1) / width**0.5

    def rnn(input_width):
        widths = [input_width] + [width] * (config.layers - 1)
        return [
            {
                "w_in": uniform(w, gates),
                "w_state": uniform(width, gates),
                "b_in": uniform(gates),
                "b_state": uniform(gates),
            }
            for w in widths
        ]

    return {
        "source_embedding": jax.random.normal(next(keys), (config.vocabulary, width)),
        "target_embedding": jax.random.normal(next(keys), (config.vocabulary, width)),
        "encoder": rnn(width),
        "decoder": rnn(2 * width),
        "query": uniform(width, width),
        "key": uniform(width, width),
        "score": uniform(width),
        "dense_w": uniform(width, config.vocabulary),
        "dense_b": uniform(config.vocabulary),
    }


def gru_cell(layer, projected, state):
    """One GRU step from the projected input (B,3H), its bias included, and the state (B,H)."""
    recurrent = state @ layer["w_state"] + layer["b_state"]
    reset_x, update_x, new_x = jnp.split(projected, 3, -1)
    reset_h, update_h, new_h = jnp.split(recurrent, 3, -1)
    reset = jax.nn.sigmoid(reset_x + reset_h)
    update = jax.nn.sigmoid(update_x + update_h)
    new = jnp.tanh(new_x + reset * new_h)
    return (1 - update) * new + update * state


def keep_mask(key, rate, shape):
    """Inverted-dropout factors: 0 or 1/(1-rate)."""
    return jax.random.bernoulli(key, 1 - rate, shape) / (1 - rate)


def encode(parameters, config, source, source_valid, key):
    """Source (B,T) to (values (B,T,H), keys (B,T,H), mask (B,T)) and the layers' states (B,H).

    Without a key dropout is off.
    """
    sequence = parameters["source_embedding"][source.T]
    states = []
    for index, layer in enumerate(parameters["encoder"]):

        def step(state, projected, layer=layer):
            state = gru_cell(layer, projected, state)
            return state, state

        projected = sequence @ layer["w_in"] + layer["b_in"]
        state, sequence = lax.scan(step, jnp.zeros(sequence.shape[1:2] + (config.hiddens,)), projected)
        states.append(state)
        if key is not None and index + 1 < config.layers:
            sequence *= keep_mask(jax.random.fold_in(key, index), config.dropout, sequence.shape)
    values = sequence.swapaxes(0, 1)
    mask = jnp.arange(source.shape[1]) >= source_valid[:, None]
    return (values, values @ parameters["key"], mask), states


def decode_step(parameters, memory, states, projected_embedding, attention_keep=1, layer_keep=None):
    """One decoding step; projected_embedding (B,3H) as from project_embedding. The layers' new states."""
    values, keys, mask = memory
    features = jnp.tanh((states[-1] @ parameters["query"])[:, None] + keys)
    scores = jnp.where(mask, protocol.MASKED_SCORE, features @ parameters["score"])
    weights = jax.nn.softmax(scores) * attention_keep
    context = jnp.einsum("bt,bth->bh", weights, values)
    projected = projected_embedding + context @ parameters["decoder"][0]["w_in"][: context.shape[-1]]
    new_states = []
    for index, (layer, state) in enumerate(zip(parameters["decoder"], states)):
        if index > 0:
            below = new_states[-1] if layer_keep is None else new_states[-1] * layer_keep[index - 1]
            projected = below @ layer["w_in"] + layer["b_in"]
        new_states.append(gru_cell(layer, projected, state))
    return new_states


def project_embedding(parameters, tokens):
    """The embedding's share of the decoder's first projected input, bias included."""
    first = parameters["decoder"][0]
    embedded = parameters["target_embedding"][tokens]
    return embedded @ first["w_in"][-embedded.shape[-1] :] + first["b_in"]


def logits_of(parameters, config, source, source_valid, target_input, key=None):
    """Teacher forcing: logits (S,B,V); key None: dropout off."""
    encoder_key, attention_key, layer_key = (None,) * 3 if key is None else jax.random.split(key, 3)
    memory, states = encode(parameters, config, source, source_valid, encoder_key)
    inputs = (project_embedding(parameters, target_input.T),)
    if key is not None:
        steps, count = target_input.shape[1], source.shape[0]
        inputs += (
            keep_mask(attention_key, config.dropout, (steps, count, source.shape[1])),
            keep_mask(layer_key, config.dropout, (steps, config.layers - 1, count, config.hiddens)),
        )

    def step(states, inputs):
        states = decode_step(parameters, memory, states, *inputs)
        return states, states[-1]

    _, outputs = lax.scan(step, states, inputs)
    return outputs @ parameters["dense_w"] + parameters["dense_b"]


def masked_loss(logits, labels):
    """Mean cross-entropy over the labels that are no pads; logits (S,B,V), labels (B,S)."""
    labels = labels.T
    chosen = jnp.take_along_axis(logits, labels[..., None], -1)[..., 0]
    losses = jax.nn.logsumexp(logits, -1) - chosen
    keep = labels != protocol.PAD
    return jnp.sum(losses * keep) / jnp.sum(keep)


@partial(jax.jit, static_argnums=1, donate_argnums=0)
def train_step(training, config, source, source_valid, target_input, labels):
    """Forward, backward, clipping, Adam: the new (parameters, moments, step count) and the loss."""
    parameters, first, second, count = training

    def loss_of(parameters):
        key = jax.random.fold_in(jax.random.key(2), count)
        return masked_loss(logits_of(parameters, config, source, source_valid, target_input, key), labels)

    loss, gradients = jax.value_and_grad(loss_of)(parameters)
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradients)))
    gradients = jax.tree.map(lambda g: g * jnp.minimum(1, protocol.CLIP_NORM / norm), gradients)
    count += 1
    first = jax.tree.map(lambda m, g: protocol.BETA_1 * m + (1 - protocol.BETA_1) * g, first, gradients)
    second = jax.tree.map(lambda v, g: protocol.BETA_2 * v + (1 - protocol.BETA_2) * g * g, second, gradients)
    rate = protocol.LEARNING_RATE / (1 - protocol.BETA_1**count)
    correction = 1 - protocol.BETA_2**count
    parameters = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v / correction) + protocol.EPSILON),
        parameters,
        first,
        second,
    )
    return (parameters, first, second, count), loss


@partial(jax.jit, static_argnums=1)
def forward(parameters, config, source, source_valid, target_input, labels):
    """Dropout off: logits (S,B,V) and loss."""
    logits = logits_of(parameters, config, source, source_valid, target_input)
    return logits, masked_loss(logits, labels)


@partial(jax.jit, static_argnums=1)
def translate(parameters, config, source, source_valid):
    """Greedy decoding for a fixed number of steps: token ids (S,B)."""
    memory, states = encode(parameters, config, source, source_valid, None)

    def step(carry, _):
        token, states = carry
        states = decode_step(parameters, memory, states, project_embedding(parameters, token))
        token = jnp.argmax(states[-1] @ parameters["dense_w"] + parameters["dense_b"], -1).astype(jnp.int32)
        return (token, states), token

    token = jnp.full(source.shape[:1], protocol.BOS, jnp.int32)
    return lax.scan(step, (token, states), length=config.target_steps)[1]


def make_run(config, what):
    """The work of one benchmark as a function of the number of iterations."""
    parameters = initial_parameters(config)
    source, source_valid, target_input, labels = (jnp.asarray(a) for a in protocol.batch(config))

    if what == "train_step":
        moments = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
        training = (parameters, *moments, jnp.zeros((), jnp.int32))

        def run(iterations):
            nonlocal training
            for _ in range(iterations):
                training, loss = train_step(training, config, source, source_valid, target_input, labels)
            jax.block_until_ready(training)

    elif what == "forward":

        def run(iterations):
            for _ in range(iterations):
                jax.block_until_ready(forward(parameters, config, source, source_valid, target_input, labels))

    else:
        source, source_valid = source[:1], source_valid[:1]

        def run(iterations):
            for _ in range(iterations):
                jax.device_get(translate(parameters, config, source, source_valid))

    return run


def main():
    """Serves the benchmark that the command line names."""
    jax.config.update("jax_default_matmul_precision", "float32")  # where a GPU would choose TF32
    facts = {"threads": ARGUMENTS.threads, "imported_kib": protocol.peak_kib()}
    run = make_run(protocol.CONFIGS[ARGUMENTS.config], ARGUMENTS.what)
    protocol.serve(run, framework=f"jax-{jax.__version__}", **facts)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSL-1.0
"""Checks that both peers compute what tests/reference does: same weights, dropout off, same numbers."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy
import torch

import jax_peer
import protocol
import pytorch_peer

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "reference"))
import seq2seq_reference

LIMIT = 2e-5
CONFIG = protocol.Config(
    batch=6, source_steps=7, target_steps=5, hiddens=16, layers=2, vocabulary=19, dropout=0.0
)
PYTORCH_NAMES = {
    "encoder.embedding": "source_embedding",
    "decoder.embedding": "target_embedding",
    "encoder.rnn": "encoder",
    "decoder.rnn": "decoder",
    "decoder.attention.W_q": "project_query",
    "decoder.attention.W_k": "project_key",
    "decoder.attention.w_v": "project_score",
    "decoder.dense": "dense",
}


def pytorch_names(tensors):
    """Tensors under the reference's names, renamed for pytorch_peer."""
    parted = {name: name.rpartition(".") for name in tensors}
    return {f"{PYTORCH_NAMES[module]}.{leaf}": tensors[name] for name, (module, _, leaf) in parted.items()}


def jax_tree(tensors):
    """Tensors under the reference's names as jax_peer's tree."""
    array = {name: jnp.asarray(tensor.detach().numpy()) for name, tensor in tensors.items()}

    def rnn(side):
        def layer(index):
            at = f"{side}.rnn.{{}}_l{index}".format
            weights = {"w_in": array[at("weight_ih")].T, "w_state": array[at("weight_hh")].T}
            return weights | {"b_in": array[at("bias_ih")], "b_state": array[at("bias_hh")]}

        return [layer(index) for index in range(CONFIG.layers)]

    return {
        "source_embedding": array["encoder.embedding.weight"],
        "target_embedding": array["decoder.embedding.weight"],
        "encoder": rnn("encoder"),
        "decoder": rnn("decoder"),
        "query": array["decoder.attention.W_q.weight"].T,
        "key": array["decoder.attention.W_k.weight"].T,
        "score": array["decoder.attention.w_v.weight"][0],
        "dense_w": array["decoder.dense.weight"].T,
        "dense_b": array["decoder.dense.bias"],
    }


def main():
    """Compares logits, greedy tokens and the parameters after three training steps."""
    torch.manual_seed(1)
    sizes = (CONFIG.vocabulary, CONFIG.vocabulary, CONFIG.hiddens, CONFIG.hiddens, CONFIG.layers)
    reference = seq2seq_reference.Translator(*sizes)
    weights = {name: tensor.detach().clone() for name, tensor in reference.named_parameters()}
    peer = pytorch_peer.Translator(CONFIG)
    peer.load_state_dict(pytorch_names(weights))
    tree = jax_tree(weights)
    arrays = protocol.batch(CONFIG)
    batch = [torch.from_numpy(array).long() for array in arrays]
    worst = {}

    def compare(what, actual, expected):
        actual, expected = numpy.asarray(actual), numpy.asarray(expected)
        worst[what] = max(worst.get(what, 0.0), float(abs(actual - expected).max()))

    with torch.no_grad():
        logits = reference(*batch[:3])[0].transpose(0, 1)
        compare("pytorch logits", peer(*batch[:3]), logits)
        tokens = reference.greedy(*batch[:2], protocol.BOS, CONFIG.target_steps)[1].t()
        compare("pytorch tokens", peer.translate(*batch[:2], CONFIG.target_steps), tokens)
    compare("jax logits", jax_peer.forward(tree, CONFIG, *arrays)[0], logits)
    compare("jax tokens", jax_peer.translate(tree, CONFIG, *arrays[:2]), tokens)

    losses, _ = seq2seq_reference.train(reference, batch, protocol.PAD, steps=3)
    trained = dict(reference.named_parameters())
    peer_losses = pytorch_peer.train(peer, batch, steps=3)
    compare("pytorch losses", peer_losses, losses)
    moments = [jax.tree.map(jnp.zeros_like, tree) for _ in range(2)]
    training = (tree, *moments, jnp.zeros((), jnp.int32))
    for loss in losses:
        training, jax_loss = jax_peer.train_step(training, CONFIG, *arrays)
        compare("jax losses", jax_loss, loss)
    for name, tensor in pytorch_names(trained).items():
        compare("pytorch parameters", peer.state_dict()[name], tensor.detach())
    for actual, expected in zip(jax.tree.leaves(training[0]), jax.tree.leaves(jax_tree(trained))):
        compare("jax parameters", actual, expected)

    for what, difference in worst.items():
        print(f"{what}: off by {difference:.1e}")
    if not max(worst.values()) < LIMIT:
        sys.exit(f"the peers do not compute what the reference does (limit {LIMIT})")


if __name__ == "__main__":
    main()

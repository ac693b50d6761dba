"""Boosted trees as arrays: taken from an xgboost booster once, evaluated by NumPy ever after."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from records import Floats

if TYPE_CHECKING:
    import xgboost


class _Tree(msgspec.Struct):
    split_indices: list[int]
    split_conditions: list[float]
    left_children: list[int]
    right_children: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class TreeEnsemble:
    """Complete binary trees of one depth d: `feature` and `threshold` have shape (trees, 2^d − 1), `leaf` (trees, 2^d).

    Node i has the children 2i + 1 (value below the threshold) and 2i + 2. Thresholds are float32 and inputs are compared as
    float32, as xgboost does.
    """

    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    leaf: Floats

    @classmethod
    def of_booster(cls, booster: xgboost.Booster) -> Self:
        """The trees of a fitted booster with base score 0, numeric splits and inputs without missing values."""
        document = msgspec.json.decode(booster.save_raw("json"))
        trees = msgspec.convert(document["learner"]["gradient_booster"]["model"]["trees"], list[_Tree])
        depth = max(_depth(tree, 0) for tree in trees)
        feature = np.zeros((len(trees), 2**depth - 1), dtype=np.int32)
        threshold = np.full(feature.shape, np.inf, dtype=np.float32)
        leaf = np.zeros((len(trees), 2**depth))
        for row, tree in enumerate(trees):
            places = [(0, 0, 0)]
            while places:
                node, place, level = places.pop()
                left = tree.left_children[node]
                if left < 0:
                    # A leaf above the last level owns every leaf place below it.
                    width = 2 ** (depth - level)
                    first = (place + 1) * width - 2**depth
                    leaf[row, first : first + width] = tree.split_conditions[node]
                    continue
                feature[row, place] = tree.split_indices[node]
                threshold[row, place] = tree.split_conditions[node]
                places.append((left, 2 * place + 1, level + 1))
                places.append((tree.right_children[node], 2 * place + 2, level + 1))
        return cls(feature, threshold, leaf)

    def predict(self, inputs: Floats) -> Floats:
        """Sum of the leaves that each row of inputs, shape (n, k), falls into: shape (n,)."""
        rows = inputs.astype(np.float32)
        flat, known = rows.ravel(), _prepared(self)
        node = known.root
        # Of a single row, vectors: no offset to add, and less to allocate.
        begin = None if len(rows) == 1 else np.arange(0, len(flat), rows.shape[1])[:, None]
        for _ in range(self.depth):
            value = flat.take(known.feature.take(node) if begin is None else begin + known.feature.take(node))
            # Right from the threshold on.
            node = known.left.take(node) + (value >= known.threshold.take(node))
        total: Floats = np.add.reduce(known.leaf.take(node), axis=-1).reshape(-1)
        return total

    @property
    def depth(self) -> int:
        """Splits from the root to a leaf."""
        return int(self.leaf.shape[1]).bit_length() - 1


class _Prepared(NamedTuple):
    """All trees as flat arrays. `root`: where each tree's first node stands, (trees,).

    `left`: where the left child of each node stands, the right child beside it: among the nodes, below the last level among
    the leaves.
    """

    root: NDArray[np.intp]
    left: NDArray[np.intp]
    feature: NDArray[np.intp]
    threshold: NDArray[np.float32]
    leaf: Floats


@functools.lru_cache(maxsize=4)
def _prepared(ensemble: TreeEnsemble) -> _Prepared:
    trees, nodes = ensemble.feature.shape
    tree, child = np.arange(trees)[:, None], 2 * np.arange(nodes) + 1
    # A tree has a leaf more than nodes above its leaves.
    left = np.where(child < nodes, nodes * tree + child, (nodes + 1) * tree + child - nodes)
    feature, threshold = ensemble.feature.astype(np.intp).ravel(), ensemble.threshold.ravel()
    return _Prepared(max(nodes, 1) * tree.ravel(), left.ravel(), feature, threshold, ensemble.leaf.ravel())


def _depth(tree: _Tree, node: int) -> int:
    if tree.left_children[node] < 0:
        return 0
    return 1 + max(_depth(tree, tree.left_children[node]), _depth(tree, tree.right_children[node]))

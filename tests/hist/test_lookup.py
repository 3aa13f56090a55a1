"""The bins themselves are held against logarithms in test_loops."""

from __future__ import annotations

import numpy as np

from icecol.hist.lookup import of_log


def test_no_cell_has_two_edges_and_every_edge_has_its_cell():
    lookup = of_log(100, 1e2, 1e6)
    edges = lookup.edge[np.isfinite(lookup.edge)]
    assert np.allclose(edges, np.geomspace(1e2, 1e6, 101), rtol=1e-14)
    assert lookup.below[0] == 0
    assert lookup.below[-1] == 101
    assert np.diff(lookup.below).tolist() == np.isfinite(lookup.edge[:-1]).astype(int).tolist()
    assert lookup.edge.size < 1000


def test_bins_too_fine_or_too_many_to_look_up_are_left_to_logarithms():
    assert of_log(20_000, 1.0, 1e3) is None
    assert of_log(1000, 1.0, 1.0 + 1e-14) is None
    assert of_log(10_000, 1.0, 1e40) is None
    h_sizes = [of_log(bins, 1.0, 1e3).edge.size for bins in (1, 10, 1000)]
    assert h_sizes == sorted(h_sizes)

"""The detector: where its sensors are, what they are, and the ice around them.

In: tables of sensors (Parquet, Arrow, Polars, dictionaries; GCD files come through `icecol.convert`). Out: a
`Geometry`, in which every reconstruction looks up its omkeys, and boolean arrays, omkeys and string numbers that say
which part of the detector is meant. Nothing here reads events.

Open `geometry.py` first: the table of sensors and its columns. `nominal.py` holds the positions of IC86 as data,
`sensors.py` tells IceCube's DOMs from IceTop's and from the modules of the Upgrade, `dom_sets.py` names sets of DOMs,
`strings.py` names groups of strings (edge, corners, layers), `medium.py` holds the optical constants of the ice.
"""

from __future__ import annotations

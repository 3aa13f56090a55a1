"""Formulas over the pulses of one event: arrays in, numbers out, compiled by numba."""

from __future__ import annotations

"""Statuses of fits, as members of I3Particle.FitStatus."""

from __future__ import annotations

OK, GENERAL_FAILURE, INSUFFICIENT_HITS, FAILED_TO_CONVERGE = 0, 10, 20, 30

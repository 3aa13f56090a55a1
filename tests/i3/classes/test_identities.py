"""New particles have identities of their own, as in IceTray (`classes.identities`)."""

from __future__ import annotations

import os

from icecol.i3.archive import decode, encode, new
from icecol.i3.classes.identities import major_id


def identity(particle):
    return particle.major_id, particle.minor_id


def test_particles_of_a_process_differ_in_the_running_number_alone():
    made = [new("I3Particle") for _ in range(3)]
    first = made[0].minor_id
    assert [identity(p) for p in made] == [(major_id(), first + i) for i in range(3)]
    assert 0 < major_id() < 2**64


def test_another_process_has_another_number(monkeypatch):
    before = new("I3Particle")
    monkeypatch.setattr(os, "getpid", lambda: 2**22 + 1)
    after = new("I3Particle")
    assert after.major_id != before.major_id
    assert after.minor_id == 0


def test_an_identity_that_is_given_or_read_stays():
    given = new("I3Particle", major_id=5, minor_id=7)
    assert identity(given) == (5, 7)
    made = new("I3Particle")
    assert identity(decode(encode(made))) == identity(made)

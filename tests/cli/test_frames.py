from __future__ import annotations

import json

from commands import cut_file, run

import icecol as ic
from icecol.cli import frames
from icecol.i3.archive import encode
from icecol.i3.container.raw import encode_frame
from icecol.i3.frames.frame import Frame, as_object


def test_inspect_counts_frames_keys_and_streams(folder):
    text = run("inspect", folder / "run1.i3.zst").output
    assert "30 P" in text
    assert "30 InIceSplit" in text
    assert "60 right" in text
    found = json.loads(run("inspect", folder / "run1.i3.zst", "--json").output)
    assert found["stops"] == {"Q": 30, "P": 30}
    assert (found["frames"], found["events"], found["streams"]) == (60, 30, {"InIceSplit": 30})
    checked = [found[f"checksums_{what}"] for what in ("right", "wrong", "not_compared")]
    assert checked == [60, 0, 0]
    srt = next(k for k in found["keys"] if k["key"] == "SRTInIcePulses")
    assert (srt["stop"], srt["type"], srt["frames"]) == ("P", "I3RecoPulseSeriesMapMask", 30)


def test_inspect_shows_frames_and_objects(folder):
    frames = run("inspect", folder / "run1.i3.zst", "-n", 2).output
    assert "'InIcePulses' [DAQ] ==> I3Map<OMKey, vector<I3RecoPulse> >" in frames
    header = run("inspect", folder / "run1.i3.zst", "-k", "I3EventHeader", "-n", 3).output
    assert header.count("I3EventHeader(run_id=1") == 3
    wrong = run("inspect", folder / "run1.i3.zst", "-k", "I3EventHeadr")
    assert wrong.exit_code == 1
    assert "'I3EventHeader'" in wrong.stderr


def test_inspect_tells_frames_as_json(folder, tmp_path):
    found = json.loads(run("inspect", folder / "run1.i3.zst", "--json", "-n", 2).output)
    first, second = found["frames"]
    assert (first["frame"], first["stop"], first["offset"]) == (0, "Q", 0)
    assert (second["run"], second["event"], second["stream"]) == (1, 0, "InIceSplit")
    objects = {o["key"]: o for o in second["objects"]}
    assert (objects["InIcePulses"]["stop"], objects["SRTInIcePulses"]["stop"]) == ("Q", "P")
    assert objects["SRTInIcePulses"]["type"] == "I3RecoPulseSeriesMapMask"
    damaged = run("inspect", cut_file(folder, tmp_path / "cut.i3"), "--json", "-n", 1000)
    assert damaged.exit_code == 1
    assert len(json.loads(damaged.output)["damages"]) == 1
    later = json.loads(run("inspect", folder / "run1.i3.zst", "--json", "-n", 2, "--from", 5).output)
    assert [f["frame"] for f in later["frames"]] == [5, 6]


def test_inspect_tells_objects_as_json(folder):
    path = folder / "run1.i3.zst"
    found = json.loads(run("inspect", path, "--json", "-k", "I3EventHeader", "-n", 2, "--from", 3).output)
    assert [(f["frame"], f["stop"]) for f in found["frames"]] == [(3, "P"), (4, "Q")]
    frames = list(ic.open_i3(path))
    assert [f["object"]["event_id"] for f in found["frames"]] == [1, 2]
    (tree,) = json.loads(run("inspect", path, "--json", "-k", "I3MCTree").output)["frames"]
    (primary,) = tree["object"]
    assert primary["parent"] == -1
    assert primary["node"]["pos"]["x"] == frames[0]["I3MCTree"][0].pos.x
    (srt,) = json.loads(run("inspect", path, "--json", "-k", "SRTInIcePulses").output)["frames"]
    assert srt["object"]["charge"] == frames[1].pulses("SRTInIcePulses").charge.tolist()


def test_inspect_shows_pulses_of_masks_and_bytes_of_what_it_does_not_know(folder, tmp_path):
    text = run("inspect", folder / "run1.i3.zst", "-k", "SRTInIcePulses").output
    assert "PulseSeries(" in text
    odd = b"\x00\x01not an archive"
    frame = Frame("P", [("Odd", "Weird", odd)])
    ic.write_i3(tmp_path / "odd.i3", [frame])
    text = run("inspect", tmp_path / "odd.i3", "-k", "Odd").output
    assert odd.hex(" ") in text
    (found,) = json.loads(run("inspect", tmp_path / "odd.i3", "-k", "Odd", "--json").output)["frames"]
    assert found["object"] == odd.hex()


def test_inspect_names_damage_and_exits_with_1(folder, tmp_path):
    damaged = cut_file(folder, tmp_path / "cut.i3")
    done = run("inspect", damaged)
    assert done.exit_code == 1
    assert f"damaged: {damaged}: frame" in done.output
    assert len(json.loads(run("inspect", damaged, "--json").output)["damages"]) == 1


def test_inspect_of_a_gcd_file(folder):
    found = json.loads(run("inspect", folder / "GCD.i3.gz", "--json").output)
    assert found["stops"] == {"G": 1, "C": 1, "D": 1}
    assert found["codec"] == "gzip"


def test_browse_needs_a_terminal(folder):
    done = run("browse", folder / "run1.i3.zst")
    assert done.exit_code == 2
    assert "icecol inspect" in done.output


def test_browse_is_told_where_to_begin(folder, monkeypatch):
    asked = []
    monkeypatch.setattr("icecol.browse.browse", lambda *args, **options: asked.append((args, options)))
    monkeypatch.setattr("icecol.cli.frames.sys.stdout", type("Tty", (), {"isatty": lambda _: True})())
    frames.browse([str(folder / "run1.i3.zst")], at="e3", key="I3MCTree")
    assert asked == [(([str(folder / "run1.i3.zst")],), {"at": "e3", "key": "I3MCTree"})]


def test_names_from_a_file_cannot_control_the_terminal(tmp_path):
    evil = "k[/x]\x1b]52;c;aGk=\x07\x9b2J"
    blob = encode(as_object({evil: 1.5}))
    (tmp_path / "a.i3").write_bytes(encode_frame("P", [(evil, evil, blob), ("plain", evil, blob)]))
    for options in ([], ["-n", 1], ["-k", evil], ["-k", "typo"], ["--json"]):
        found = run("inspect", tmp_path / "a.i3", *options)
        assert not {"\x1b", "\x07", "\x9b"} & set(found.output + found.stderr)
        assert found.exit_code == ("typo" in options)
    assert run("convert", tmp_path / "a.i3", "-o", tmp_path / "d").exit_code == 0
    found = run("info", tmp_path / "d")
    assert not {"\x1b", "\x07", "\x9b"} & set(found.output)
    assert r"k[/x]\x1b]52;c;aGk=\x07" in found.output
    assert "\x1b" not in repr(next(ic.open_i3(tmp_path / "a.i3")))

"""One of two datasets is complete at any time, and no file of the user is lost, wherever an exchange is killed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from icecol.dataset import swap

OWN = {"manifest.json", "events", ".progress"}


class Killed(BaseException):
    pass


def made(folder: Path, content: str, *, new: bool) -> None:
    (folder / "events").mkdir(parents=True)
    (folder / "events" / "part.parquet").write_text(content)
    (folder / "manifest.json").write_text(content)
    if new:
        (folder / ".progress").mkdir()
    else:
        (folder / "notes").mkdir()
        (folder / "notes" / "a.txt").write_text("of the user")
        (folder / "link").symlink_to("nowhere")


def content(folder: Path) -> str:
    assert (folder / "events" / "part.parquet").read_text() == (folder / "manifest.json").read_text()
    return (folder / "manifest.json").read_text()


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("steps", range(8))
def test_a_kill_at_any_step_leaves_a_dataset_and_all_files_of_the_user(tmp_path, monkeypatch, at_once, steps):
    dataset = tmp_path / "d"
    new = swap.beside(dataset)
    made(dataset, "old", new=False)
    made(new, "new", new=True)
    left = [steps]

    def counted(call):
        def step(*args, **options):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return call(*args, **options)

        return step

    exchange = swap._at_once if at_once else lambda *_: False
    with monkeypatch.context() as patch:
        patch.setattr(swap, "_at_once", counted(exchange) if at_once else exchange)
        patch.setattr(Path, "rename", counted(Path.rename))
        patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
        try:
            swap.exchange(new, dataset, OWN)
            ended = True
        except Killed:
            ended = False
    assert ended or dataset.is_dir() or swap.beside(dataset).is_dir()
    swap.settle(dataset, OWN, ".progress")
    assert content(dataset) == ("new" if ended or steps > 0 else "old")
    assert (dataset / "notes" / "a.txt").read_text() == "of the user"
    assert (dataset / "link").is_symlink()
    rest = {path.name for path in tmp_path.iterdir()} - {"d"}
    assert rest <= ({".d.new"} if content(dataset) == "old" else set())


def test_a_complete_new_dataset_that_was_not_exchanged_yet_stays_where_it_is(tmp_path):
    dataset = tmp_path / "d"
    made(dataset, "old", new=False)
    made(swap.beside(dataset), "new", new=True)
    swap.settle(dataset, OWN, ".progress")
    assert (content(dataset), content(swap.beside(dataset))) == ("old", "new")

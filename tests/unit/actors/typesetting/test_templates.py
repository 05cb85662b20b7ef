"""Templates: which there are, which wins, and that a copy leads nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.typesetting import templates
from core.errors import PermanentError
from tests.configuration import OwnConf


def write(folder: Path, *, title: str = "Mine", main: str = "Hello") -> Path:
    folder.mkdir(parents=True)
    (folder / "template.toml").write_text(f'title = "{title}"\ndescription = "For tests"\n')
    (folder / "main.typ").write_text(main)
    return folder


@pytest.fixture
def own(conf: OwnConf, tmp_path: Path) -> Path:
    conf.TEMPLATE_FOLDER = tmp_path / "templates"
    return tmp_path / "templates" / "pdf_export"


def test_the_template_that_comes_with_the_pipeline_is_found(own: Path) -> None:
    template = templates.find("pdf_export")["report"]
    assert (template.kind, template.title) == ("pdf_export", "Report")
    assert template.settings["measures"]["margin_top"] > 0


def test_a_template_of_the_site_wins_over_one_of_the_same_name(own: Path) -> None:
    write(own / "report", title="Our own")
    assert templates.get("pdf_export", "report").title == "Our own"


def test_a_folder_without_both_files_is_no_template(own: Path) -> None:
    (write(own / "half") / "main.typ").unlink()
    assert "half" not in templates.find("pdf_export")


def test_an_unknown_template_is_refused_with_the_names_there_are(own: Path) -> None:
    with pytest.raises(PermanentError, match=r"no template 'reprot'. There are: report"):
        templates.get("pdf_export", "reprot")


def test_a_name_with_a_path_in_it_finds_nothing(own: Path) -> None:
    write(own.parent / "secret")
    write(own / "mine")
    with pytest.raises(PermanentError, match="no template"):
        templates.get("pdf_export", "../secret")


def test_a_broken_description_is_named_and_breaks_no_other(own: Path) -> None:
    (write(own / "broken") / "template.toml").write_text("title = ")
    assert "report" in templates.find("pdf_export")
    with pytest.raises(PermanentError, match=r"'broken' has a template.toml that cannot be read"):
        templates.get("pdf_export", "broken")


def test_a_copy_has_all_files_of_all_folders(own: Path, tmp_path: Path) -> None:
    folder = write(own / "mine")
    (folder / "images").mkdir()
    (folder / "images" / "seal.svg").write_text("<svg/>")
    templates.copy_to(templates.get("pdf_export", "mine"), tmp_path / "copy")
    copied = sorted(str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*.*"))
    assert copied == ["images/seal.svg", "main.typ", "template.toml"]


def test_a_link_in_a_template_is_refused(own: Path, tmp_path: Path) -> None:
    (write(own / "mine") / "passwords.txt").symlink_to("/etc/passwd")
    with pytest.raises(PermanentError, match=r"holds a link, passwords\.txt"):
        templates.copy_to(templates.get("pdf_export", "mine"), tmp_path / "copy")


def test_a_template_that_is_too_large_is_refused(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "MOST_BYTES", 10)
    write(own / "mine")
    with pytest.raises(PermanentError, match="too large"):
        templates.copy_to(templates.get("pdf_export", "mine"), tmp_path / "copy")

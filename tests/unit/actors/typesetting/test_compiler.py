"""The compiler: the same bytes every time, nothing read but its folder, and errors that name their line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.typesetting import compiler
from actors.typesetting.compiler import compile_pdf
from core.errors import PermanentError

READS_DATA = (
    "#set page(height: 200pt)\n#for page in json(bytes(sys.inputs.data)).pages { [#page #pagebreak(weak: true)] }"
)


def typeset(folder: Path, main: str, data: dict[str, object] | None = None, out: str = "out.pdf") -> tuple[int, bytes]:
    template = folder / "template"
    template.mkdir(exist_ok=True)
    (template / "main.typ").write_text(main)
    pages = compile_pdf(template, data or {}, folder / out, timestamp=1_700_000_000)
    return pages, (folder / out).read_bytes()


def test_data_becomes_pages(tmp_path: Path) -> None:
    pages, made = typeset(tmp_path, READS_DATA, {"pages": ["one", "two", "three"]})
    assert pages == 3
    assert made.startswith(b"%PDF-")


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    data: dict[str, object] = {"pages": ["one", "日本語", "שלום"]}
    assert typeset(tmp_path, READS_DATA, data)[1] == typeset(tmp_path, READS_DATA, data, "again.pdf")[1]


def test_today_is_the_moment_that_is_given(tmp_path: Path) -> None:
    main = "#assert(datetime.today().year() == 2023)\nHello"
    assert typeset(tmp_path, main)[0] == 1


@pytest.mark.parametrize(
    "path", ["../outside.txt", "/../outside.txt", "../../../../../../etc/passwd", "images/../../outside.txt"]
)
def test_a_file_outside_the_folder_is_not_read(tmp_path: Path, path: str) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    with pytest.raises(PermanentError, match=r"main.typ, line 2: .*only the files of its own folder$"):
        typeset(tmp_path, f'Hello\n#read("{path}")')


def test_an_absolute_path_means_the_folder_itself(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"file not found.*only the files of its own folder") as refused:
        typeset(tmp_path, '#read("/etc/passwd")')
    assert str(tmp_path) not in str(refused.value)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "template").mkdir()
    (tmp_path / "template" / "passwords").symlink_to("/etc/passwd")
    with pytest.raises(PermanentError, match="holds a link, passwords"):
        typeset(tmp_path, '#read("passwords")')


@pytest.mark.parametrize("main", ['#import "@preview/cetz:0.3.0"', '#include("@local/x:1.0.0")'])
def test_a_package_is_refused_by_its_name(tmp_path: Path, main: str) -> None:
    with pytest.raises(PermanentError, match=r"line 1: it imports the package @.*only the files of its own folder"):
        typeset(tmp_path, main)


def test_a_package_whose_name_is_put_together_is_not_fetched(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="package"):
        typeset(tmp_path, '#let name = "@pre" + "view/cetz:0.3.0"\n#import name')


def test_the_process_keeps_its_own_proxies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")
    typeset(tmp_path, "Hello")
    assert os.environ["HTTPS_PROXY"] == "http://proxy.example"
    assert "ALL_PROXY" not in os.environ


def test_an_error_names_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "template").mkdir()
    (tmp_path / "template" / "part.typ").write_text("#let f() = {\n  unknown\n}\n")
    with pytest.raises(PermanentError, match=r"cannot be set. part.typ, line 2: unknown variable: unknown"):
        typeset(tmp_path, '#import "part.typ": f\n#f()')


def test_what_it_remembers_is_dropped_when_the_process_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiler, "KEEP_BYTES", 0)
    assert typeset(tmp_path, "Hello")[0] == 1

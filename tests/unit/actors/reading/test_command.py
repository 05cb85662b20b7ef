"""`python -m actors.reading`: what it prints, its exit codes, and that no input ends in a traceback."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from actors.reading import Unreadable, look
from actors.reading.__main__ import main
from actors.reading.saying import printable

ROOT = Path(__file__).resolve().parents[4]
REPORT = """Orders of May\r
\r
id;day;amount;place\r
1;02.05.2024;1.250,00;Köln\r
2;14.05.2024;12,50;"Bad Tölz;\r
Markt"\r
3;31.05.2024;7,25;Lübeck;x\r
4;31.05.2024;8,00;Plön\r
Total: 4 orders\r
"""


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_bytes(REPORT.encode("cp1252"))
    return path


def run_command(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_a_file_is_told_in_plain_words(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run_command(capsys, report)
    assert code == 0
    for sentence in (
        "orders.csv: 3 rows, 4 columns, 2 rejected",
        "encoding   Windows-1252 (Western): likely",
        "delimiter  semicolon: certain",
        "table      begins at line 3: likely",
        "  9  in all: they add up",
        "  1  more lines of the same records: values with line breaks",
        "day     date (%d.%m.%Y)",
        "   2  2024-05-14    12.50  Bad Tölz;\\r\\nMarkt",
        "line 7: The line has 5 fields, the table has 4 columns.",
        "    3;31.05.2024;7,25;Lübeck;x",
    ):
        assert sentence in output, output


def test_the_account_of_lines_says_where_each_is(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = json.loads(run_command(capsys, report, "--json")[1])["lines"]
    assert lines.pop("add_up") is True
    assert {place: count for place, count in lines.items() if count} == {
        "total": 9,
        "rows": 3,
        "within_records": 1,
        "rejected": 1,
        "after_table": 1,
        "header": 1,
        "before_table": 1,
        "blank": 1,
    }


def test_one_object_of_json_says_the_same(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run_command(capsys, report, "--json", "--rows", "1")
    seen_json = json.loads(output)
    assert code == 0
    assert (seen_json["records"], seen_json["rows"], seen_json["rejected"]) == (5, 3, 2)
    assert seen_json["dialect"]["delimiter"] == ";"
    assert seen_json["decisions"][0]["certainty"] == "likely"
    assert [column["type"] for column in seen_json["columns"]] == ["integer", "date", "decimal", "text"]
    assert seen_json["first_rows"] == [[1, "2024-05-02", "1250.00", "Köln"]]
    assert [reject["line"] for reject in seen_json["first_rejected"]] == [7, 9]


def test_a_folder_gives_an_object_a_line_with_unreadable_files(
    tmp_path: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "packed.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n3,4\n"))
    (tmp_path / "empty.csv").touch()
    (tmp_path / ".hidden").write_text("a,b\n")
    code, output, _ = run_command(capsys, tmp_path)
    objects = [json.loads(line) for line in output.splitlines()]
    assert code == 1
    assert [Path(item["file"]).name for item in objects] == ["empty.csv", "orders.csv", "packed.csv.gz"]
    assert objects[0]["error"] == "empty.csv is empty: it has no bytes."
    assert (objects[2]["rows"], objects[2]["lines"]["total"]) == (2, 3)


def test_what_is_set_is_believed_and_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "names.csv"
    path.write_text("Lee, Ann\nRay, Bob\nFox, Cid\n")
    output = run_command(
        capsys, path, "--delimiter", "none", "--header", "no", "--quote", "none", "--encoding", "latin1"
    )[1]
    assert "3 rows, 1 column" in output
    assert output.count("set by you") == 4
    path.write_text("#x\ta\n#y\tb\n")
    output = run_command(capsys, path, "--delimiter", "tab", "--comment", "none", "--preamble-lines", "1", "--json")[1]
    assert json.loads(output)["lines"]["before_table"] == 1


def test_a_column_nearly_of_a_type_names_what_is_in_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "days.csv"
    path.write_text("n,day\n" + "".join(f"{n},2024-01-{n % 28 + 1:02}\n" for n in range(200)) + "200,unknown\n")
    output = run_command(capsys, path)[1]
    assert "day  text, nearly date" in output
    assert "“unknown” (1)" in output


def test_rejected_records_and_lines_aside_can_be_saved(
    tmp_path: Path, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command(capsys, report, "--rejected", tmp_path / "rejected.csv", "--aside", tmp_path / "aside.csv")
    with (tmp_path / "rejected.csv").open(encoding="utf-8", newline="") as file:
        assert [entry["line"] for entry in csv.DictReader(file)] == ["7", "9"]
    with (tmp_path / "aside.csv").open(encoding="utf-8", newline="") as file:
        kinds = [(entry["first_line"], entry["kind"]) for entry in csv.DictReader(file)]
    assert kinds == [("1", "before the table"), ("2", "blank"), ("3", "header")]


def test_a_list_of_nothing_is_saved_as_its_header(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    run_command(capsys, tmp_path / "table.csv", "--rejected", tmp_path / "rejected.csv")
    assert (tmp_path / "rejected.csv").read_text() == "line,column,value,reason,raw\n"


def test_the_table_of_rows_is_as_wide_as_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wide.csv"
    path.write_text(
        ",".join(f"name{n}" for n in range(60)) + "\n" + ",".join(["日本" * 40, *map(str, range(59))]) + "\n"
    )
    monkeypatch.setenv("COLUMNS", "60")
    output = run_command(capsys, path)[1]
    assert "… and 20 more\n" in output
    assert "… and 55 more columns" in output
    grid = output[output.index("First row") :].splitlines()
    assert all(len(line) + sum(mark in "日本" for mark in line) <= 60 for line in grid)


def test_signs_that_a_terminal_would_act_on_are_shown_as_text() -> None:
    assert printable("a\x1b[2Jb\n\udce9") == "a\\x1b[2Jb\\n\\udce9"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty: it has no bytes."),
        (b"\n \n", "The file holds no records"),
        (b"\x7fELF\x02\x01" + bytes(range(256)), "is a program, not a table."),
        (b"\x1f\x8b\x08broken", "is a damaged gzip file"),
        (b'{"a": 1, "b": [2, 3]}', "is JSON, not a table."),
        (bytes(range(256)) * 40, ""),
    ],
)
def test_what_is_no_table_is_said_in_a_sentence(
    content: bytes, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    code, output, wrong = run_command(capsys, path)
    assert (code, output) == (1, "")
    assert sentence in wrong
    assert wrong.startswith(f"{path}: ")
    assert "fault of the reader" not in wrong
    assert wrong.count("\n") == 1


def test_a_file_that_is_not_there_or_may_not_be_read_is_said_so(
    tmp_path: Path, report: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, wrong = run_command(capsys, tmp_path / "gone.csv")
    assert (code, wrong) == (1, f"{tmp_path}/gone.csv: No such file or directory.\n")
    code, output, _ = run_command(capsys, tmp_path / "gone.csv", "--json")
    assert json.loads(output) == {"file": f"{tmp_path}/gone.csv", "error": "No such file or directory."}
    code, _, wrong = run_command(capsys, "/dev/null")
    assert (code, wrong) == (1, "/dev/null: null is a folder, a pipe or a device, and no file.\n")

    def refused(**_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(report))

    monkeypatch.setattr("actors.reading.unpack.unpack", lambda *_, **__: refused())
    code, _, wrong = run_command(capsys, report)
    assert (code, wrong) == (1, f"{report}: Permission denied.\n")


def test_a_fault_of_the_reader_is_a_sentence_too(
    report: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise AssertionError("the scan lost count")

    monkeypatch.setattr("actors.reading.read.read", broken)
    code, _, wrong = run_command(capsys, report)
    assert code == 1
    assert "a fault of the reader, not of the file; please report it: AssertionError: the scan lost count" in wrong


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--nonsense", "x.csv"],
        ["x.csv", "--encoding", "klingon"],
        ["x.csv", "--delimiter", "toolong"],
        ["x.csv", "--quote", "%"],
        ["x.csv", "--header", "maybe"],
        ["x.csv", "--preamble-lines", "-1"],
        ["x.csv", "--comment", ";"],
        ["x.csv", "--quote", "'", "--delimiter", "'"],
        ["x.csv", "--rows", "many"],
        ["x.csv", "y.csv", "--rejected", "z.csv"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_a_mostly_rejected_file_says_that_an_import_would_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ragged.csv"
    path.write_text("a,b\n" + "1,2\n" * 3 + "1,2,3\n" * 4 + "1,2,3,4\n" * 4)
    output = run_command(capsys, path, "--header", "1", "--delimiter", ",", "--quote", "none")[1]
    with look(path, header="1", delimiter=",", quote="") as table:
        assert ("An import would fail: " in output) == bool(table.refused)


def test_it_runs_without_django_and_survives_a_closed_pipe(report: Path) -> None:
    script = (
        "import runpy, sys; sys.argv = ['reading', sys.argv[1]]\n"
        "try: runpy.run_module('actors.reading', run_name='__main__')\n"
        "finally: assert not any(name.split('.')[0] in ('django', 'core', 'dramatiq') for name in sys.modules)\n"
    )
    command = [sys.executable, "-c", script, str(report)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_importing_the_toolkit_imports_nothing_heavy() -> None:
    script = "import actors.reading, sys; sys.exit('duckdb' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


class TestFromPython:
    def test_rows_are_typed_and_everything_else_is_kept(self, report: Path) -> None:
        with look(report) as table:
            rows = list(table.rows())
            assert [str(value) for value in rows[1]] == ["2", "2024-05-14", "12.50", "Bad Tölz;\r\nMarkt"]
            assert table.records == table.row_count + table.rejected_count == 5
            assert [reject.raw for reject in table.rejected()] == ["3;31.05.2024;7,25;Lübeck;x", "Total: 4 orders"]
            assert [aside.text for aside in table.aside()] == ["Orders of May", "", "id;day;amount;place"]
            assert table.dialect.delimiter == ";"
            assert table.lines.in_places == table.lines.total == 9

    def test_nothing_is_left_behind(self, report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
        (tmp_path / "temp").mkdir()
        with look(report):
            assert list((tmp_path / "temp").iterdir())
        assert not list((tmp_path / "temp").iterdir())
        look(report)
        report.write_bytes(b"\n")
        with pytest.raises(Unreadable):
            look(report)
        assert not list((tmp_path / "temp").iterdir())

    def test_an_invalid_setting_is_refused_before_the_file_is_read(self, tmp_path: Path) -> None:
        with pytest.raises(Unreadable, match="no encoding called"):
            look(tmp_path / "gone.csv", encoding="klingon")

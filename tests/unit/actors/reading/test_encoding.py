"""What encoding a file is taken to be in, how sure that is, and its text."""

# ruff: noqa: RUF001 - letters of other scripts are the matter here

from __future__ import annotations

import codecs
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from actors.reading.charsets import ENCODINGS, named_encoding
from actors.reading.decoding import Damage, decode_mixed, utf8_blocks, without_c1
from actors.reading.encoding import SAMPLE_BYTES, Encoding, Sample, detect_encoding, sample_text
from actors.reading.errors import Unreadable
from actors.reading.plausible import PRIORS

MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def sample_of(data: bytes, folder: Path, *, encoding: str | None = None, declared: str = "") -> Sample:
    path = folder / "table.csv"
    path.write_bytes(data)
    return sample_text(path, encoding, declared=declared)


def encoding_of(data: bytes, *, declared: str = "") -> Encoding:
    return detect_encoding(data, complete=True, declared=declared)


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        ("nom;ville\nZoé;Orléans\nFrançois;Nîmes\nHélène;Besançon\n", "cp1252 mac-roman cp850 cp437 iso8859-15"),
        ("Name;Ort\nMüller;Köln\nGroß;Düren\nJäger;Lübeck\n", "cp1252 mac-roman cp850 cp437 iso8859-15"),
        ("navn;by\nSøren;Ærø\nBjørn;Tromsø\nÅse;Ålesund\n", "cp1252 mac-roman cp850 iso8859-15"),
        ("imię;miasto\nŁucja;Łódź\nMałgorzata;Gdańsk\nGrażyna;Poznań\n", "cp1250 iso8859-2 cp852 mac-latin2"),
        ("jméno;město\nJiří;Plzeň\nTomáš;Děčín\nŠárka;Třebíč\n", "cp1250 iso8859-2 cp852 mac-latin2"),
        ("név;város\nGyőző;Győr\nSzűcs;Hódmezővásárhely\n", "cp1250 iso8859-2 cp852"),
        ("ad;şehir\nGülşen;Eskişehir\nÇağrı;Muğla\nIşık;Diyarbakır\n", "cp1254 cp857"),
        ("имя;город\nИван;Москва\nПётр;Казань\n", "cp1251 koi8-r cp866 mac-cyrillic iso8859-5"),
        ("ім'я;місто\nЄвген;Київ\nЇжак;Чернігів\n", "cp1251 koi8-u"),
        ("όνομα;πόλη\nΓιώργος;Αθήνα\nΕλένη;Πάτρα\n", "cp1253 iso8859-7 cp737"),
        ("שם;עיר\nדוד;חיפה\nרחל;ירושלים\n", "cp1255"),
        ("الاسم;المدينة\nمحمد;القاهرة\nفاطمة;دمشق\n", "cp1256"),
        ("vards;pilsēta\nJānis;Rīga\nĒriks;Liepāja\n", "cp1257 iso8859-13"),
        ("ชื่อ;เมือง\nสมชาย;เชียงใหม่\n", "cp874"),
        ("名前;市\n山田太郎;横浜市\nスズキ;さいたま市\n", "shift_jis euc_jp"),
        ("姓名;城市\n王小明;北京\n李华;上海\n", "gb18030"),
        ("姓名;城市\n王小明;臺北\n陳怡君;高雄\n", "big5"),
        ("이름;도시\n김철수;서울\n박영희;부산\n", "euc_kr"),
    ],
)
def test_few_lines_in_a_languages_encodings_are_read_as_written(text: str, encodings: str) -> None:
    for encoding in encodings.split():
        line_end = "\r" if encoding.startswith("mac-") else "\n"
        data = text.replace("\n", line_end).encode(encoding)
        found = encoding_of(data)
        assert data.decode(found.name).replace("\r", "\n") == text, (encoding, found)
        assert found.certainty in ("likely", "guess")


@pytest.mark.parametrize(
    "cell", ["©", "5 µm", "20 °C", "£5", "5 €", "don’t", "“so”", "10–20", "m²", "1\xa0234", "½", "café", "Zoë", "¿Qué?"]
)
def test_one_sign_or_letter_is_western(cell: str) -> None:
    assert encoding_of(f"a,b\n1,{cell}\n".encode("cp1252")).name == "cp1252"


def test_the_line_ends_of_an_old_mac_count() -> None:
    assert encoding_of("name\rStröm\r".encode("mac-roman")).name == "mac-roman"
    assert encoding_of("name\r\nStršm\r\n".encode("cp1250")).name == "cp1250"


def test_an_ambiguous_encoding_is_a_guess_that_names_both(tmp_path: Path) -> None:
    sample = sample_of("nume,k\nStănescu,1\n".encode("cp1250"), tmp_path)
    assert sample.encoding.certainty == "guess"
    (note,) = sample.notes
    assert "guess" in note
    assert "“Stănescu”" in note
    assert "“Stãnescu”" in note


def test_every_encoding_that_is_guessed_can_be_chosen() -> None:
    names = dict(ENCODINGS)
    assert set(PRIORS) <= set(names)
    for name in names:
        assert named_encoding(name) == name


@pytest.mark.parametrize("name", ["base64", "rot13", "klingon", "", "idna", "a\0b"])
def test_what_is_no_encoding_of_text_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(Unreadable, match="encoding"):
        named_encoding(name)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("UTF8", "utf-8"),
        ("windows-1251", "cp1251"),
        ("ISO-8859-9", "cp1254"),
        ("gbk", "gb18030"),
        ("windows-31j", "shift_jis"),
        ("x-sjis", "shift_jis"),
        ("macintosh", "mac-roman"),
        ("x-mac-cyrillic", "mac-cyrillic"),
        ("ks_c_5601-1987", "euc_kr"),
    ],
)
def test_an_encoding_has_one_name_here(said: str, name: str) -> None:
    assert named_encoding(said) == name


class TestUtf8:
    def test_plain_ascii_and_valid_utf8_are_certain(self) -> None:
        for text in ("a,b\n1,2\n", "a,b\n1,ü\n", "a\n日本\n"):
            encoding = encoding_of(text.encode())
            assert (encoding.name, encoding.certainty) == ("utf-8", "certain")

    def test_a_file_cut_inside_a_character_stays_utf8(self, tmp_path: Path) -> None:
        sample = sample_of("id,name\n1,Noë\n2,Aimé".encode()[:-1], tmp_path)
        assert (sample.encoding.name, sample.encoding.certainty, sample.notes) == ("utf-8", "certain", [])
        assert sample.text == "id,name\n1,Noë\n2,Aim�"

    def test_a_last_letter_in_another_encoding_is_no_cut_character(self) -> None:
        assert encoding_of(b"id,name\n1,Aim\xe9").name == "cp1252"

    @pytest.mark.parametrize("cut", [1, 2])
    def test_a_sample_that_ends_inside_a_character_is_utf8(self, tmp_path: Path, cut: int) -> None:
        text = "a\n" + "x" * (SAMPLE_BYTES - 2 - cut) + "日本\n" * 5
        sample = sample_of(text.encode(), tmp_path)
        assert (sample.encoding.name, sample.encoding.certainty, sample.complete) == ("utf-8", "certain", False)
        assert sample.text == text[: SAMPLE_BYTES - cut]

    def test_a_few_damaged_bytes_leave_it_utf8_with_a_note(self, tmp_path: Path) -> None:
        lines = [f"{number};Zoë Brontë" for number in range(50)]
        data = "\n".join(lines).encode().replace(b"7;Zo\xc3\xab", b"7;Zo\xc3")
        sample = sample_of(data, tmp_path)
        assert sample.encoding.name == "utf-8"
        assert "5 of the 50 lines" in sample.notes[0]
        assert "7;Zo� Brontë" in sample.text

    @pytest.mark.parametrize("other", ["Malmö", "Łódź", "Ижевск"])
    def test_lines_in_another_encoding_are_read_by_themselves(self, tmp_path: Path, other: str) -> None:
        legacy = {"Malmö": "cp1252", "Łódź": "cp1250", "Ижевск": "cp1251"}[other]
        lines = [f"{number};{other}".encode(legacy if number % 2 else "utf-8") for number in range(12)]
        sample = sample_of(b"\n".join(lines), tmp_path)
        assert (sample.encoding.name, sample.encoding.fallback) == ("utf-8", legacy)
        assert sample.text.split("\n") == [f"{number};{other}" for number in range(12)]
        assert "6 of the 12 lines" in sample.notes[0]

    def test_an_accidental_utf8_pair_makes_no_mixture(self) -> None:
        # The last word's two bytes are one character of UTF-8, too.
        text = "имя\n" + "".join(f"{number} Пономаренко Игорь\n" for number in range(30)) + "Рј\n"
        assert encoding_of(text.encode("cp1251")).name == "cp1251"

    def test_one_zero_byte_makes_no_other_encoding(self) -> None:
        for data in (b"a,b,c\n\0,2,3\n", b"a,b\n1,\0\n", b"ab,c\n\0,2\n", b"a,b\n1,\0M\xfcller\n"):
            assert encoding_of(data).name in ("utf-8", "cp1252")

    def test_a_twice_converted_mark_is_no_part_of_the_text(self, tmp_path: Path) -> None:
        assert sample_of(codecs.BOM_UTF8 + b"a,b\n", tmp_path).text == "a,b\n"
        twice = codecs.BOM_UTF8.decode("cp1252").encode()
        assert sample_of(twice + b"a,b\n", tmp_path).text == "a,b\n"

    def test_letters_that_were_converted_twice_are_noted_and_left(self, tmp_path: Path) -> None:
        sample = sample_of("id;ort\n1;Köln\n2;don’t\n".encode().decode("cp1252").encode(), tmp_path)
        assert "“KÃ¶ln” were probably “Köln”" in sample.notes[0]
        assert "KÃ¶ln" in sample.text

    def test_letters_with_a_tilde_are_not_taken_for_converted_ones(self, tmp_path: Path) -> None:
        assert not sample_of("nome\nSÃO JOÃO\nÂngela\nMAÇÃ\nÅsa Ås\n".encode(), tmp_path).notes


class TestWide:
    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
    def test_text_without_a_mark_is_known_by_its_zero_bytes(self, tmp_path: Path, encoding: str) -> None:
        text = "id,name\n1,Zoë\n2,Noël\n"
        assert sample_of(text.encode(encoding), tmp_path).text == text

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    @pytest.mark.parametrize("cell", ["Иван Петров", "山田太郎", "Γιώργος", "محمد"])
    def test_other_scripts_are_known_by_their_line_ends(self, tmp_path: Path, encoding: str, cell: str) -> None:
        text = "".join(f"{cell},{cell}\n" for _ in range(5))
        assert sample_of(text.encode(encoding), tmp_path).text == text

    def test_an_odd_last_byte_does_no_harm(self, tmp_path: Path) -> None:
        assert sample_of("a,b\n1,ü\n2,ö".encode("utf-16-le")[:-1], tmp_path).text == "a,b\n1,ü\n2,�"

    def test_japanese_with_escapes_is_read(self, tmp_path: Path) -> None:
        text = "名前,市\n山田,横浜\n"
        assert sample_of(text.encode("iso2022_jp"), tmp_path).text == text


class TestDeclared:
    def test_the_servers_word_decides_where_the_bytes_leave_it_open(self) -> None:
        data = "nume,k\nStănescu,1\n".encode("cp1250")
        encoding = encoding_of(data, declared="windows-1250")
        assert (encoding.name, encoding.certainty, encoding.notes) == ("cp1250", "likely", ())

    def test_it_does_not_count_against_valid_utf8_or_a_mark(self) -> None:
        assert encoding_of("a\nü\n".encode(), declared="windows-1251").name == "utf-8"
        assert encoding_of("a\nü\n".encode("utf-16"), declared="utf-8").name == "utf-16-le"

    @pytest.mark.parametrize("declared", ["utf-8", "iso-8859-1", "klingon"])
    def test_a_word_that_cannot_be_true_is_passed_over_with_a_note(self, declared: str) -> None:
        encoding = encoding_of("имя;город\nИван;Москва\nПётр;Казань\n".encode("cp1251"), declared=declared)
        assert encoding.name == "cp1251"
        assert f"“{declared}”" in encoding.notes[0]

    def test_latin_1_means_windows_1252_as_everywhere_on_the_web(self) -> None:
        assert encoding_of(b"a\n5 \x80\n", declared="ISO-8859-1").name == "cp1252"

    def test_the_word_is_kept_for_what_comes_after_plain_ascii(self) -> None:
        encoding = encoding_of(b"a,b\n1,2\n", declared="windows-1251")
        assert (encoding.name, encoding.fallback) == ("utf-8", "cp1251")

    def test_ascii_is_said_by_habit_and_needs_no_note(self) -> None:
        encoding = encoding_of("nom\nZoé\nHélène\n".encode("cp1252"), declared="us-ascii")
        assert (encoding.name, encoding.notes) == ("cp1252", ())


class TestLaterEvidence:
    def test_letters_after_the_beginning_count(self, tmp_path: Path) -> None:
        data = b"id;name\n" + b"1;abc\n" * 400_000 + "2;Łódź\n3;Gdańsk\n".encode("cp1250") * 100_000
        assert sample_of(data, tmp_path).encoding.name == "cp1250"

    def test_so_do_they_where_the_beginning_was_a_guess(self, tmp_path: Path) -> None:
        few = "0;Stănescu\n".encode("cp1250") + b"1;abc\n" * 400_000
        assert sample_of(few, tmp_path).encoding.certainty == "guess"
        assert (
            sample_of(few + "2;Timişoara\n3;Ploieşti\n".encode("cp1250") * 100_000, tmp_path).encoding.name == "cp1250"
        )


class TestControls:
    def test_controls_become_what_windows_1252_has_in_their_place(self) -> None:
        text, count = without_c1("it\x92s \x93so\x94 \x96 5 \x80\x85".encode())
        assert (text.decode(), count) == ("it’s “so” – 5 €…", 6)

    def test_codes_that_windows_1252_lacks_stay(self) -> None:
        assert without_c1("a\x81b\x9d".encode()) == ("a\x81b\x9d".encode(), 0)

    def test_they_are_counted_in_blocks_of_any_size(self, tmp_path: Path) -> None:
        path = tmp_path / "table.csv"
        path.write_bytes("a\nit\x92s, ü\x96\n".encode() * 3)
        for size in range(1, 12):
            damage = Damage()
            text = b"".join(block for block, _ in utf8_blocks(path, "utf-8", block_bytes=size, damage=damage))
            assert (text.decode(), damage.controls) == ("a\nit’s, ü–\n" * 3, 6)
        assert "6 control characters" in damage.notes()[0]


class TestDamage:
    def test_bytes_that_the_encoding_lacks_are_counted(self, tmp_path: Path) -> None:
        path = tmp_path / "table.csv"
        path.write_bytes(b"a\n\xd2\xff\xd2\n")
        damage = Damage()
        text = b"".join(block for block, _ in utf8_blocks(path, "cp1253", damage=damage))
        assert text.decode() == "a\n���\n"
        assert damage.undecodable == 3
        assert "3 places" in damage.notes()[0]

    def test_a_value_in_another_encoding_is_read_as_that(self) -> None:
        assert decode_mixed(b"M\xfcnchen") == "München"
        assert decode_mixed("Łódź".encode("cp1250"), "cp1250") == "Łódź"

    @pytest.mark.parametrize(
        ("value", "text"),
        [(b"Ren\xc3", "Ren�"), (b"don\xe2\x80", "don�"), ("Köl\udcfcn".encode("utf-8", "surrogateescape"), "Köl�n")],
    )
    def test_a_value_with_a_broken_character_of_utf8_keeps_the_rest(self, value: bytes, text: str) -> None:
        assert decode_mixed(value) == text


@MANY
@example(data=b"\xff\xfe\x00\x00\x00")
@example(data=b"\xed\xa0\x80,\n")
@example(data=b"\x1b$B\xff")
@example(data="\ufeff".encode().decode("cp1252").encode())
@given(
    data=st.one_of(st.binary(max_size=400), st.text(max_size=200).map(lambda text: text.encode("utf-16-le", "replace")))
)
def test_any_bytes_have_an_encoding_and_are_text_in_it(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sample = sample_of(data, Path(folder))
        assert named_encoding(sample.encoding.name) == sample.encoding.name
        path = Path(folder) / "table.csv"
        whole = b"".join(block for block, _ in utf8_blocks(path, sample.encoding.name))
        assert b"".join(block for block, _ in utf8_blocks(path, sample.encoding.name, block_bytes=3)) == whole
    if sample.encoding.name != "utf-8":
        assert whole.decode("utf-8") == sample.text

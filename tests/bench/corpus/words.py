"""The words that tables are filled with, by language, and how that language writes numbers and days."""

# ruff: noqa: RUF001 - words of other alphabets

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """One language. `legacy` are the encodings besides Unicode that its files come in."""

    code: str
    legacy: tuple[str, ...]
    decimal: str
    group: str
    #: strftime patterns of days.
    days: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]
    cities: tuple[str, ...]
    streets: tuple[str, ...]
    words: tuple[str, ...]
    states: tuple[str, ...]
    #: The name of a column by the label of its kind; what is absent has an English name.
    names: dict[str, str]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENGLISH = Language(
    code="en",
    legacy=("cp1252",),
    decimal=".",
    group=",",
    days=("%Y-%m-%d", "%m/%d/%Y", "%d-%b-%y", "%Y/%m/%d", "%d %B %Y", "%b %d, %Y"),
    first=("Ann", "Bob", "Carla", "Dan", "Eve", "Frank", "Grace", "Hugo", "Iris", "Jean-Luc", "Mary Jane", "Zoë"),
    last=("Smith", "O'Neil", "Brown", "D'Arcy", "Jones", "Van Dyke", "Lee", "McCall", "St. John", "Taylor", "Webb"),
    cities=("Springfield", "Leeds", "New York", "Austin", "St. Louis", "York", "Salt Lake City", "Dover", "Bath"),
    streets=("Main St", "Oak Avenue", "Mill Lane", "5th Ave", "King's Road", "Park Blvd", "Station Rd", "Elm Dr"),
    words=_words(
        "the order was late because nobody had seen our letter from monday please send new parts before friday "
        "and call again water pressure in second pump is low customer asked for refund box arrived open invoice paid "
        "twice check valve meeting moved report follows stock room heating broken quite often without any reason"
    ),
    states=("open", "closed", "in progress", "North", "South", "East", "West", "Tea", "Coffee", "A", "B", "new"),
    names={},
)
GERMAN = Language(
    code="de",
    legacy=("cp1252", "mac-roman"),
    decimal=",",
    group=".",
    days=("%d.%m.%Y", "%d.%m.%y", "%Y-%m-%d"),
    first=("Jürgen", "Anna", "Käthe", "Björn", "Sören", "Heike", "Günther", "Uwe", "Klaus-Dieter", "Zoë"),
    last=("Müller", "Größe", "Jäger", "Schäfer", "Weiß", "Köhler", "von der Höhe", "Schmidt", "Lüders", "Fuß"),
    cities=("Köln", "München", "Düsseldorf", "Görlitz", "Bad Tölz", "Ulm", "Nürnberg", "Lübeck", "Halle (Saale)"),
    streets=("Hauptstraße", "Am Markt", "Mühlenweg", "Königsallee", "Bäckergasse", "Schloßplatz", "Gärtnerweg"),
    words=_words(
        "die Lieferung kam zu spät weil über Nacht niemand für den Schlüssel zuständig war bitte prüfen wir hören "
        "nächste Woche von Ihnen Rückgabe möglich Gerät läuft nicht größer als bestellt schöne Grüße Kündigung "
        "bestätigt Rechnung fällig"
    ),
    states=("offen", "geschlossen", "läuft", "Süd", "Nord", "geprüft", "überfällig", "neu"),
    names={
        "id": "Nummer",
        "name": "Name",
        "city": "Ort",
        "street": "Straße",
        "day": "Datum",
        "money": "Betrag",
        "count": "Menge",
        "sentence": "Bemerkung",
        "state": "Status",
        "percent": "Anteil (%)",
        "phone": "Telefon",
        "time": "Uhrzeit",
        "float": "Größe",
        "code": "Schlüssel",
        "boolean": "geprüft",
        "address": "Anschrift",
        "stamp": "Zeitpunkt",
        "last_first": "Name, Vorname",
        "person": "Ansprechpartner",
        "measure": "Länge",
    },
)
FRENCH = Language(
    code="fr",
    legacy=("cp1252",),
    decimal=",",
    group=" ",
    days=("%d/%m/%Y", "%Y-%m-%d"),
    first=("Hélène", "François", "Zoé", "Noël", "Aurélie", "Jérôme", "Luc", "Anaïs", "Benoît", "Marie-Ève"),
    last=("Lefèvre", "Dupont", "d'Aubigné", "Müller", "Garçon", "Bérard", "Le Goff", "Château", "L'Hôte"),
    cities=("Orléans", "Besançon", "Paris", "L'Haÿ-les-Roses", "Nîmes", "Saint-Étienne", "Lyon", "Béziers"),
    streets=("rue de la Gare", "avenue Général-Leclerc", "place du Marché", "chemin des Prés", "quai d'Orsay"),
    words=_words(
        "la commande a été livrée très tard à cause de la grève où êtes vous déjà allé prière de rappeler après "
        "l'été le numéro d'appel était occupé réponse reçue cœur de ville à bientôt français créé modifié"
    ),
    states=("ouvert", "fermé", "en cours", "annulé", "payé", "reporté"),
    names={
        "id": "numéro",
        "name": "nom",
        "city": "localité",
        "day": "date de début",
        "money": "montant (€)",
        "sentence": "libellé",
        "state": "état",
        "count": "quantité",
        "phone": "téléphone",
        "address": "adresse",
        "person": "responsable",
        "last_first": "nom, prénom",
        "float": "densité",
        "boolean": "validé",
    },
)
POLISH = Language(
    code="pl",
    legacy=("cp1250", "iso8859-2"),
    decimal=",",
    group=" ",
    days=("%d.%m.%Y", "%Y-%m-%d"),
    first=("Łukasz", "Małgorzata", "Święty", "Paweł", "Żaneta", "Jan", "Agnieszka", "Józef", "Bożena"),
    last=("Wójcik", "Kowalczyk", "Zieliński", "Dąbrowska", "Woźniak", "Gałązka", "Łęcki", "Śliwa"),
    cities=("Łódź", "Kraków", "Gdańsk", "Wrocław", "Poznań", "Częstochowa", "Świnoujście", "Białystok"),
    streets=("ulica Długa", "aleja Róż", "plac Wolności", "ulica Łąkowa", "ulica Świętokrzyska"),
    words=_words(
        "zamówienie przyszło późno ponieważ nikt nie odebrał paczki proszę sprawdzić książkę adresową dziękuję "
        "bardzo będziemy w środę część została wysłana jeszcze wczoraj źródło błąd łączny"
    ),
    states=("nowe", "zamknięte", "w trakcie", "opóźnione", "zapłacone"),
    names={
        "id": "numer",
        "name": "imię",
        "city": "miejscowość",
        "day": "data urodzenia",
        "money": "wartość",
        "sentence": "treść",
        "state": "stan",
        "count": "ilość",
        "street": "ulica",
        "person": "imię i nazwisko",
    },
)
RUSSIAN = Language(
    code="ru",
    legacy=("cp1251",),
    decimal=",",
    group=" ",
    days=("%d.%m.%Y", "%Y-%m-%d"),
    first=("Анна", "Борис", "Вера", "Григорий", "Дарья", "Елена", "Иван", "Ольга", "Пётр", "Юлия"),
    last=("Иванова", "Петров", "Сидоренко", "Кузнецов", "Попова", "Щукин", "Жданова", "Чехов", "Яшин"),
    cities=("Москва", "Санкт-Петербург", "Казань", "Омск", "Нижний Новгород", "Тверь", "Ярославль"),
    streets=("улица Ленина", "проспект Мира", "Садовая улица", "набережная Фонтанки", "Лесной переулок"),
    words=_words(
        "заказ пришёл поздно потому что никто не видел наше письмо просим проверить адрес ещё раз спасибо большое "
        "мы будем в среду часть товара была отправлена вчера новая цена выше старой насос работает"
    ),
    states=("открыт", "закрыт", "в работе", "новый", "оплачен", "отменён"),
    names={
        "id": "номер",
        "name": "имя",
        "city": "город",
        "day": "дата",
        "money": "сумма",
        "sentence": "описание",
        "state": "статус",
        "count": "количество",
        "street": "улица",
        "person": "ответственный",
        "code": "артикул",
        "phone": "телефон",
        "address": "адрес",
        "float": "значение",
        "boolean": "проверено",
        "percent": "доля, %",
    },
)
GREEK = Language(
    code="el",
    legacy=("cp1253",),
    decimal=",",
    group=".",
    days=("%d/%m/%Y", "%Y-%m-%d"),
    first=("Άννα", "Γιώργος", "Δήμητρα", "Ελένη", "Κώστας", "Μαρία", "Νίκος", "Σοφία", "Ιωάννης"),
    last=("Παπαδόπουλος", "Νικολάου", "Γεωργίου", "Αντωνίου", "Βασιλείου", "Ράλλης", "Χατζής"),
    cities=("Αθήνα", "Θεσσαλονίκη", "Πάτρα", "Ηράκλειο", "Λάρισα", "Βόλος", "Ιωάννινα"),
    streets=("οδός Ερμού", "λεωφόρος Συγγρού", "οδός Σταδίου", "πλατεία Ομονοίας"),
    words=_words(
        "η παραγγελία ήρθε αργά επειδή κανείς δεν είδε το γράμμα μας παρακαλώ ελέγξτε ξανά τη διεύθυνση ευχαριστώ "
        "πολύ θα είμαστε εκεί την Τετάρτη το δεύτερο μέρος στάλθηκε χθες νέα τιμή"
    ),
    states=("ανοιχτό", "κλειστό", "νέο", "πληρωμένο", "σε εξέλιξη"),
    names={
        "id": "αριθμός",
        "name": "όνομα",
        "city": "πόλη",
        "day": "ημερομηνία",
        "money": "ποσό",
        "state": "κατάσταση",
        "sentence": "περιγραφή",
        "count": "ποσότητα",
        "person": "υπεύθυνος",
        "street": "δρόμος",
    },
)
JAPANESE = Language(
    code="ja",
    legacy=("shift_jis",),
    decimal=".",
    group=",",
    days=("%Y/%m/%d", "%Y-%m-%d", "%Y年%m月%d日"),
    first=("花子", "太郎", "健一", "さくら", "美咲", "翔", "由美", "大輔"),
    last=("山田", "佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "中村"),
    cities=("東京", "大阪", "京都市", "横浜", "札幌", "名古屋", "福岡", "仙台"),
    streets=("中央通り", "本町", "桜木町", "銀座", "駅前", "緑町"),
    words=(
        "注文の品が",
        "届きません",
        "至急",
        "ご確認ください。",
        "請求書を",
        "送りました。",
        "来週の",
        "会議は",
        "中止です。",
    ),
    states=("受付", "完了", "処理中", "中止", "新規"),
    names={
        "id": "番号",
        "name": "名前",
        "city": "都市",
        "day": "日付",
        "money": "金額",
        "sentence": "備考",
        "state": "状態",
        "count": "数量",
        "person": "担当者",
        "street": "住所",
        "phone": "電話番号",
        "code": "コード",
        "address": "所在地",
        "float": "数値",
    },
)
LANGUAGES = (GERMAN, FRENCH, POLISH, RUSSIAN, GREEK, JAPANESE)

"""What a job's page says of the parameters that these fields clean to."""

from actors.pipelines.documents.mapping import MappingField
from actors.table_forms.fields import FiltersField, SortField


def test_filters_sort_and_mapping_are_put_in_words() -> None:
    rows = [{"column": "amount", "op": "ge", "value": "2"}, {"column": "note", "op": "filled", "value": ""}]
    assert FiltersField().in_words(rows) == "amount is at least “2” and note is not empty"
    keys = [{"column": "day", "descending": True}, {"column": "name", "descending": False}]
    assert SortField().in_words(keys) == "day, descending; name"
    mapping = {"sender_address": {"text": "1 Long Street"}, "date": {"column": "day"}}
    assert MappingField().in_words(mapping) == "Sender address: “1 Long Street”\nDate: the column day"

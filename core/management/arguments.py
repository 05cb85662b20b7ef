"""How the arguments of `manage.py job` are read: options stand in any place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

#: How many values an option takes; None for one that may have none.
Options = Mapping[str, int | None]


def in_order(given: Sequence[str], *, acts: Collection[str], options: Options) -> list[str]:
    """Return the arguments as argparse reads them: the act before its options, and no option that eats a name.

    `--wait submit noop` becomes `submit --wait=inf noop`: what follows an option that may have a number is its value
    only if it is one.
    """
    words = _glued(given, options)
    place = next((number for number, word in enumerate(words) if word in acts), None)
    if place is None:
        return words
    own = [word for word in words[:place] if word.partition("=")[0] in options]
    others = [word for word in words[:place] if word.partition("=")[0] not in options]
    return [*others, words[place], *own, *words[place + 1 :]]


def _glued(given: Sequence[str], options: Options) -> list[str]:
    """Join each option with its value, as `--option=value`."""
    words: list[str] = []
    rest = list(given)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*words, word, *rest]
        if word not in options:
            words.append(word)
        elif options[word] is None:
            words.append(f"{word}={rest.pop(0)}" if rest and _is_number(rest[0]) else f"{word}=inf")
        elif options[word] and rest:
            words.append(f"{word}={rest.pop(0)}")
        else:
            words.append(word)
    return words


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True

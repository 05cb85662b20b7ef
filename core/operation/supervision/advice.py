"""How a person sets something: in the environment of Headway's own site, in the settings of a host's."""

from core.conf import conf


def setting_of(name: str, value: object) -> str:
    """Return what to write, or to type, so that this setting has this value."""
    if conf.ACCOUNTS:
        return f"{'HEADWAY_HOME' if name == 'HOME' else name}={value} make up"
    return f"HEADWAY = {{{name!r}: {value!r}}} in the settings".replace("'", '"')

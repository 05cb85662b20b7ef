"""The same tiny task on each peer, set up as its own documentation has it; runs in an environment of the peers' own.

A folder on the path, `peer_site` by name: nothing here may import from the tests.
"""

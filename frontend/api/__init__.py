"""The JSON API under `api/v1/`: its routes, who comes in with which scope, and the page that lists them."""

"""The foundation of `manage.py up`: one home, and a supervisor that keeps its parts alive until the end.

1. `home` makes the folder and its secret key, and holds it: one Headway to a home.
2. `plan` writes the supervisor's configuration for the parts that the runtime needs.
3. `supervisor` runs supervisord, which starts each part again that ends, and leaves nothing behind.
"""

"""One attempt of a job: its context, steps and progress, and the child processes it works in."""

"""Django's tasks as jobs: `TASKS = {"default": {"BACKEND": "actors.task_backend.HeadwayBackend"}}`.

docs/tasks.md says what a task is here. Its life, from the decorator to its result:

1. `@task` makes a `Task`, and Django has the backend validate it: with that it is registered as a pipeline of its own
   (`registering.py`), with a form made of its signature (`forms.py`).
2. `enqueue` binds the arguments as a call would, and submits a job in the caller's transaction (`enqueuing.py`).
3. A worker runs it as any job. The pipeline's function calls the task's, and sends Django's signals (`running.py`).
4. A result is read from the job's row and its events (`results.py`).

Tasks may be imported before there are models: what needs these imports them when it is called.
"""

from actors.task_backend.backend import HeadwayBackend
from actors.task_backend.options import job_options
from actors.task_backend.tasks import HeadwayTask, HeadwayTaskContext

__all__ = ["HeadwayBackend", "HeadwayTask", "HeadwayTaskContext", "job_options"]

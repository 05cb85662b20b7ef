"""The housekeeper: what is past its time goes, and files that nothing refers to.

A round goes through these one after the other, each in bounded batches that may be broken off anywhere and begun again:

1. `datasets`, then `jobs`: as core.forms.retention says. Rows go first, in one transaction a batch (a job with children
   is a batch of its own); their folders after its commit. A round that dies in between leaves folders of jobs that are
   no more, which step 4 of a later round finds. Datasets come first, as a job is kept with its dataset.
2. `events`, `mails`, `audit`: rows that are kept for a time of their own.
3. `sessions`: what Django and the workers leave behind.
4. `files`: `staging`, `scratch`, `jobs` and `uploads` of the file store. A file goes when it is older than ORPHAN_HOURS
   and no row refers to it. Uploads are shared by their content, and a submit may take one up at any moment: see
   `uploads` for how that race is decided.
5. `database`: its planner's figures and its free pages, where many rows have gone.

Two rounds at once do no harm: each deletion asks again inside its own transaction, or is decided by one rename.
"""

from core.housekeeping.audit import forget_acts
from core.housekeeping.database import tidy_database
from core.housekeeping.datasets import expire_datasets
from core.housekeeping.events import forget_events
from core.housekeeping.files import collect_files
from core.housekeeping.jobs import expire_jobs
from core.housekeeping.mails import forget_mails
from core.housekeeping.rounds import Done, Round, Tally
from core.housekeeping.sessions import forget_sessions

__all__ = [
    "Done",
    "Round",
    "Tally",
    "collect_files",
    "expire_datasets",
    "expire_jobs",
    "forget_acts",
    "forget_events",
    "forget_mails",
    "forget_sessions",
    "tidy_database",
]
